import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { makeTopic, produce } from '../../drivers/kafka/harness.suite.ts'
import type { NodeMetrics } from '../../runtime/contract.ts'
import { quietContext } from '../../runtime/harness/context.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { config, kafka } from './kafka.ts'

const { skip, at } = service('kafka')

test('the lag of each partition is what is behind the last checkpoint, and 0 once all is final', { skip }, async t => {
  const topic = await makeTopic(t, at.KAFKA, { partitions: 2 })
  await produce(
    at.KAFKA,
    topic,
    Array.from({ length: 10 }, (_, id) => ({ value: `{"id":${id}}`, partition: id < 7 ? 0 : 1 })),
  )
  const lags = new Map<string, number>()
  const kinds = new Map<string, number>()
  let heard = () => {}
  const metrics: NodeMetrics = {
    count: (name, value, labels) => {
      if (name === 'row_kind_count') kinds.set(labels!.kind!, (kinds.get(labels!.kind!) ?? 0) + value)
    },
    gauge(name, value, labels) {
      if (name === 'kafka_consumer_messages_lag') lags.set(labels!.partition!, value)
      heard()
    },
    latency() {},
  }
  const settings = settingsSchema.parse({ kafka_source: { brokers: at.KAFKA, lag_report_interval_ms: 100 } })
  const keys = { topic, data_format: 'json', schema: { id: 'int64' }, batch_size: 10 }
  const source = await kafka.open(config.parse(keys), quietContext({ settings, metrics }))
  t.after(() => source.close())
  const reader = source.read(await source.start())
  t.after(() => reader.close())
  const reported = (wanted: readonly (readonly [string, number])[]) =>
    new Promise<void>(resolve => {
      heard = () => {
        if (wanted.every(([partition, lag]) => lags.get(partition) === lag)) resolve()
      }
    })
  let rows = 0
  let last = await source.start()
  await source.finalized!(last)
  const behind = reported([
    ['0', 7],
    ['1', 3],
  ])
  while (rows < 10) {
    const next = (await reader.next())!
    rows += next.batch.numRows
    last = next.position
  }
  await behind
  const caughtUp = reported([
    ['0', 0],
    ['1', 0],
  ])
  await source.finalized!(last)
  await caughtUp
  assert.deepEqual([...kinds], [['i', 10]])
})
