import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Int32, Schema } from 'apache-arrow'
import { batchOfRows } from '../../runtime/batch/build.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { settingsSchema } from '../../settings.ts'
import { blackhole, config } from './blackhole.ts'

test('it takes rows, keeps no checkpoint, and tells how many there were', async () => {
  const log: string[] = []
  const counts: [string, number][] = []
  const context: NodeContext = {
    pipeline: 'test/p',
    name: 'nowhere',
    settings: settingsSchema.parse({}),
    jobMode: false,
    signal: new AbortController().signal,
    log: { debug() {}, info: message => log.push(message), warn() {} },
    metrics: { count: (name, value) => counts.push([name, value]), gauge() {}, latency() {} },
    retry: (_, attempt) => attempt(),
    dead() {},
    dropped() {},
    stop() {},
  }
  const schema = new Schema([new Field('a', new Int32(), true)])
  const sink = await blackhole.open(config.parse({ from: 'a' }), { schema, primaryKey: [] }, context)
  await sink.reset()
  assert.equal(await sink.begin(), undefined)
  const { batch } = batchOfRows(schema, [{ a: 1 }, { a: 2 }, { a: 3 }])
  await sink.write(batch!, 1)
  await sink.commit({ epoch: 1, from: {}, to: {} })
  await sink.write(batch!, 2)
  assert.equal(await sink.begin(), undefined)
  await sink.close()
  assert.deepEqual(log, ['6 rows were discarded'])
  assert.deepEqual(counts, [
    ['discarded_rows', 3],
    ['discarded_rows', 3],
  ])
})

test('the keys of the model are taken, and others are not', () => {
  const keys = { from: 'a', parallelism: 4, primary_key: 'id', batch_size: 10, batch_flush_interval: '1s' }
  assert.equal(config.safeParse(keys).success, true)
  assert.equal(config.safeParse({ from: 'a', table: 'b' }).success, false)
})
