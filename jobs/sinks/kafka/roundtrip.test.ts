import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { consume, makeTopic, produce } from '../../drivers/kafka/harness.suite.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { checkpoint, type Types } from '../../runtime/harness/sink.suite.ts'
import { readAll } from '../../sources/kafka/harness.suite.ts'
import { batchOf, openSink, placeFor } from './harness.suite.ts'

/** What the sink writes is what the source reads, and the other way round. */

const { skip, at } = service('kafka')
const brokers = at.KAFKA

/** Rows through a topic, as JSON text with exact numbers. */
async function through(
  t: TestContext,
  types: Types,
  rows: Parameters<typeof batchOf>[0],
  keys: Record<string, unknown> = {},
) {
  const place = placeFor(t, brokers)
  const { sink, context } = await openSink(t, place, { types, keys })
  await sink.begin()
  await sink.write(batchOf(rows, types), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(context.deadRows, [])
  const primary_key = keys.primary_key ?? 'id'
  const read = await readAll(t, { topic: place.topic, data_format: 'json', schema: types, primary_key }, { brokers })
  assert.deepEqual(read.context.deadRows, [])
  return read.batches.flatMap(({ batch }) => jsonLines(batch))
}

test('numbers of JSON messages keep all their digits', { skip }, async t => {
  const types = { id: 'int64', d: 'decimal128(38, 3)', e: 'list<decimal128(38, 10)>', u: 'uint64', f: 'float64' }
  const row = {
    id: -(2n ** 63n),
    d: '-170141183460469231731.123',
    e: ['1234567890.1234567891', '0.0000000001'],
    u: 2n ** 64n - 1n,
    f: 0.1 + 0.2,
  }
  assert.deepEqual(await through(t, types, [row]), [
    '{"id":-9223372036854775808,"d":-170141183460469231731.123,"e":[1234567890.1234567891,0.0000000001],"u":18446744073709551615,"f":0.30000000000000004,"_gs_op":"i"}',
  ])
})

test('a tombstone has the key of its row, also one that looks like JSON', { skip }, async t => {
  const texts = ['{"id":"victim"}', '\ufeffbom', '{"a":1}', '{', 'x:y\\', '', '[1]', '{"id":null}']
  const rows = texts.map(id => ({ id, _gs_op: 'd' }))
  assert.deepEqual(
    await through(t, { id: 'utf8' }, rows, { tombstones: true }),
    texts.map(id => JSON.stringify({ id, _gs_op: 'd' })),
  )
  const several = [
    { a: '{"a"', b: '1}' },
    { a: '{"b"', b: '{"a":1}' },
    { a: '\ufeff', b: '\ufeff' },
  ]
  assert.deepEqual(
    await through(
      t,
      { a: 'utf8', b: 'utf8' },
      several.map(row => ({ ...row, _gs_op: 'd' })),
      { tombstones: true, primary_key: 'a, b' },
    ),
    several.map(row => JSON.stringify({ ...row, _gs_op: 'd' })),
  )
})

test('raw messages keep their headers: their bytes, and those of one name', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const bytes = Buffer.from([0xff, 0xfe, 0])
  const sent = [{ h: ['1', '2'], trace: bytes }, { trace: bytes, plain: '{"base64":"AA=="}' }, { plain: '\ufeffü' }]
  await produce(
    brokers,
    topic,
    sent.map(headers => ({ key: 'k', value: 'v', headers })),
  )
  const { batches } = await readAll(t, { topic, data_format: 'raw' }, { brokers })
  const place = placeFor(t, brokers)
  const types = { key: 'binary', value: 'binary', headers: 'utf8' }
  const { sink, context } = await openSink(t, place, { types, keys: { data_format: 'raw', primary_key: [] } })
  await sink.begin()
  for (const { batch } of batches) await sink.write(batch, 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(context.deadRows, [])
  const inBytes = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(inBytes) : Buffer.from(value as string | Buffer)
  const got = await consume(brokers, place.topic, sent.length)
  assert.deepEqual(
    got.map(({ headers }) =>
      Object.entries(headers!).flatMap(([name, value]) => (name === 'dbz.op' ? [] : [[name, inBytes(value)]])),
    ),
    sent.map(headers => Object.entries(headers).map(([name, value]) => [name, inBytes(value)])),
  )
})
