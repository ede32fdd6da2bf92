import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { manage, service } from '../../../test/support/servers.ts'
import { cuttable, makeTopic, produce } from '../../drivers/kafka/harness.suite.ts'
import { batchesOf, rowsIn } from '../../runtime/harness/source.suite.ts'
import { openFor } from './harness.suite.ts'

/** Connections that break, and a broker that is killed. */

const { skip, at } = service('kafka')
const own = service('kafka', 'source-faults')
after(() => own.skip || manage('clean', 'kafka@source-faults'))

const json = { data_format: 'json', schema: { id: 'int64', text: 'utf8' }, primary_key: 'id' }
const cuts = Number(process.env.MILLRACE_KAFKA_CUTS ?? 8)
const count = 3000
const messages = Array.from({ length: count }, (_, id) => ({
  value: JSON.stringify({ id, text: 'x'.repeat(200) }),
  partition: id % 3,
}))

/** Every id once, those of a partition in order. */
function assertAll(ids: readonly number[]): void {
  assert.deepEqual(
    ids.toSorted((a, b) => a - b),
    messages.map((_, id) => id),
  )
  for (const partition of [0, 1, 2]) {
    const part = ids.filter(id => id % 3 === partition)
    assert.deepEqual(
      part,
      part.toSorted((a, b) => a - b),
    )
  }
}

test(
  `connections that are cut ${cuts} times inside answers lose and double nothing`,
  { skip, timeout: 60_000 },
  async t => {
    const proxy = await cuttable(t, at.KAFKA)
    const topic = await makeTopic(t, at.KAFKA, { partitions: 3 })
    await produce(at.KAFKA, topic, messages)
    const retries: string[] = []
    const onRetry = (message: string) => void retries.push(message)
    const { source } = await openFor(t, { topic, ...json, batch_size: 100 }, { brokers: proxy.brokers, onRetry })
    const start = await source.start()
    for (let cut = 0; cut < cuts; cut++) {
      proxy.cutAnswerAfter(1000 + ((cut * 70_001) % 500_000))
      assertAll(rowsIn(await batchesOf(source, start, { count })).map(({ id }) => id as number))
    }
    assert.ok(retries.length >= cuts / 2, `${retries.length} cuts were felt`)
  },
)

test('a source goes on after its broker was killed and came back', { skip: own.skip, timeout: 120_000 }, async t => {
  const topic = await makeTopic(t, own.at.KAFKA, { partitions: 3 })
  await produce(own.at.KAFKA, topic, messages.slice(0, 1500))
  const { source } = await openFor(t, { topic, ...json }, { brokers: own.at.KAFKA })
  const reader = source.read(await source.start())
  const ids: number[] = []
  const take = async () => ids.push(...rowsIn([(await reader.next())!]).map(({ id }) => id as number))
  while (ids.length < 1500) await take()
  manage('restart', 'kafka@source-faults')
  await produce(own.at.KAFKA, topic, messages.slice(1500))
  while (ids.length < count) await take()
  await reader.close()
  assertAll(ids)
})
