import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { avroOf, makeTopic, produce } from '../../drivers/kafka/harness.suite.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { batchesOf, type Row, rowsIn, stored } from '../../runtime/harness/source.suite.ts'
import { openFor, readAll } from './harness.suite.ts'

const { skip, at } = service('kafka')
const registry = service('registry')
const brokers = at.KAFKA
const avro = { skip: skip || registry.skip }

const order = (fields: readonly object[] = [], more: object = {}) => ({
  type: 'record',
  name: 'Order',
  fields: [{ name: 'id', type: 'long' }, { name: 'who', type: ['null', 'string'], default: null }, ...fields],
  ...more,
})
const json = { data_format: 'json', schema: { id: 'int64', who: 'utf8' }, primary_key: 'id' }

test('Avro messages become rows, and their header says what became of them', avro, async t => {
  const topic = await makeTopic(t, brokers)
  const { encode } = await avroOf(registry.at.REGISTRY, topic, order([], { doc: '{"primaryKeys":["id"]}' }))
  const ops = [undefined, 'c', 'r', 'u', 'd', 'i']
  await produce(
    brokers,
    topic,
    ops.map((op, id) => ({
      value: encode({ id, who: id === 0 ? null : { string: `käfer ${id}` } }),
      ...(op && { headers: { other: 'x', 'dbz.op': op } }),
    })),
  )
  const { rows, source } = await readAll(t, { topic }, { brokers, registry: registry.at.REGISTRY })
  assert.deepEqual(source.primaryKey, ['id'])
  assert.deepEqual(
    source.schema.fields.map(({ name, type }) => `${name} ${nameOf(type)}`),
    ['id int64', 'who utf8', '_gs_op utf8'],
  )
  assert.deepEqual(
    rows,
    ['i', 'i', 'i', 'u', 'd', 'i'].map((_gs_op, id) => ({ id, who: id === 0 ? null : `käfer ${id}`, _gs_op })),
  )
})

test('JSON messages have the columns of `schema`, with exact numbers', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [
    { value: '{"id":9223372036854775807,"who":"a","more":1}' },
    { value: '{"who":{"x":1}}', headers: { 'dbz.op': 'u' } },
  ])
  const { rows } = await readAll(t, { topic, ...json }, { brokers })
  assert.deepEqual(rows, [
    { id: '9223372036854775807', who: 'a', _gs_op: 'i' },
    { id: null, who: '{"x":1}', _gs_op: 'u' },
  ])
})

test('a number of JSON is exact, or a dead letter, and nested JSON keeps its numbers', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const schema = {
    id: 'int64',
    d: 'decimal128(38, 3)',
    f: 'float64',
    s: 'utf8',
    list: 'list<decimal128(20, 10)>',
    at: 'timestamp(ns)',
    b: 'binary',
  }
  const good = [
    '"id":1,"d":-170141183460469231731.123,"s":{"a":9007199254740993,"b":12345678901234567890.5,"c":[1e400]}',
    '"id":9007199254740993.0,"d":9.9e-1,"f":1e-400,"s":0.10000000000000000001,"at":1700000000123456789.0',
    '"id":1e3,"d":12345678901.2345e3,"f":123456789012345678901.5,"list":[1234567890.1234567891,"0.1"]',
    '"id":2,"list":"[1234567890.1234567891]"',
  ]
  const bad = [
    '"id":9007199254740993.5',
    '"d":1.0005',
    '"d":1.00000000000000000001',
    '"d":1e400',
    '"f":-1e400',
    `"f":1${'0'.repeat(400)}`,
    '"list":[0.00000000001]',
    '"list":"[0.00000000001]"',
    '"b":12345678901234567e400',
  ]
  const dead = bad.map(text => `{${text}}`)
  await produce(
    brokers,
    topic,
    [...good.map(text => `{${text}}`), ...dead].map(value => ({ value })),
  )
  const { batches, context } = await readAll(t, { topic, data_format: 'json', schema }, { brokers })
  assert.deepEqual(
    batches.flatMap(({ batch }) => jsonLines(batch, ['_gs_op'])),
    [
      '{"id":1,"d":-170141183460469231731.123,"f":null,"s":"{\\"a\\":9007199254740993,\\"b\\":12345678901234567890.5,\\"c\\":[1e400]}","list":null,"at":null,"b":null}',
      '{"id":9007199254740993,"d":0.990,"f":0,"s":"0.10000000000000000001","list":null,"at":"2023-11-14T22:13:20.123456789","b":null}',
      '{"id":1000,"d":12345678901234.500,"f":123456789012345680000,"s":null,"list":[1234567890.1234567891,0.1000000000],"at":null,"b":null}',
      '{"id":2,"d":null,"f":null,"s":null,"list":[1234567890.1234567891],"at":null,"b":null}',
    ],
  )
  assert.deepEqual(
    context.deadRows.map(({ row }) => row),
    dead,
  )
})

test('raw messages are bytes, with the place that they have', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [
    { key: 'k', value: Buffer.from([0, 255]), headers: { a: '1', 'dbz.op': 'd' }, timestamp: '1700000000123' },
    { value: null, timestamp: '1700000000124' },
  ])
  const { rows } = await readAll(t, { topic, data_format: 'raw', include_metadata: true }, { brokers })
  assert.deepEqual(rows, [
    {
      key: 'aw==',
      value: 'AP8=',
      headers: '{"a":"1","dbz.op":"d"}',
      partition: 0,
      offset: 0,
      timestamp: '2023-11-14T22:13:20.123Z',
      _gs_op: 'd',
    },
    {
      key: null,
      value: null,
      headers: '{}',
      partition: 0,
      offset: 1,
      timestamp: '2023-11-14T22:13:20.124Z',
      _gs_op: 'd',
    },
  ])
})

test('a message without a value deletes the row of its key', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [
    { key: '7', value: null },
    { key: '{"id":8}', value: null },
    { key: 'x', value: null },
    { key: null, value: null },
    { key: '9', value: '' },
  ])
  const { rows, context } = await readAll(t, { topic, ...json }, { brokers })
  assert.deepEqual(
    rows,
    [7, 8, 9].map(id => ({ id, who: null, _gs_op: 'd' })),
  )
  assert.deepEqual(
    context.deadRows.map(({ code, message, row }) => ({ code, message: message.slice(topic.length), row })),
    [
      { code: 'bad_row', message: '/0, offset 2: its key: column "id": "x" is no int64', row: 'x' },
      {
        code: 'bad_row',
        message: '/0, offset 3: it has no value, which deletes the row of its key, and its key is null',
        row: '',
      },
    ],
  )
})

test('a key that is a JSON object has the columns by name, with exact numbers', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const types = { constructor: 'int64', price: 'decimal128(20, 2)' }
  await produce(brokers, topic, [
    { key: '{"price":1.50,"constructor":9007199254740993,"more":1}', value: null },
    { key: '{"price":1.505,"constructor":1}', value: null },
    { key: '{"price":1}', value: null },
  ])
  const keys = { topic, data_format: 'json', schema: types, primary_key: 'constructor, price' }
  const { rows, context } = await readAll(t, keys, { brokers })
  assert.deepEqual(rows, [{ constructor: '9007199254740993', price: '1.50', _gs_op: 'd' }])
  assert.deepEqual(
    context.deadRows.map(({ message }) => message.slice(topic.length)),
    [
      '/0, offset 1: its key: column "price": 1.505 is no decimal128(20, 2)',
      '/0, offset 2: it has no value, which deletes the row of its key, and its key has no "constructor": {"price":1}',
    ],
  )
})

test('a key of several columns has them with colons between', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [
    { key: '7:a', value: null },
    { key: '7:a:b', value: null },
    { key: '8:a\\:b\\\\', value: null },
    { key: '9:a\\b', value: null },
  ])
  const { rows, context } = await readAll(t, { topic, ...json, primary_key: 'id, who' }, { brokers })
  assert.deepEqual(rows, [
    { id: 7, who: 'a', _gs_op: 'd' },
    { id: 8, who: 'a:b\\', _gs_op: 'd' },
    { id: 9, who: 'a\\b', _gs_op: 'd' },
  ])
  assert.match(context.deadRows[0]!.message, /its key "7:a:b" has 3 parts, not 2$/)
})

test('an operation that is unknown is a dead letter, and the next message a row', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [
    { value: '{"id":1}', headers: { 'dbz.op': 'truncate' } },
    { value: '{"id":2}', headers: { 'dbz.op': 'x' } },
    { value: '{"id":3}' },
  ])
  const { rows, context } = await readAll(t, { topic, ...json }, { brokers })
  assert.deepEqual(rows, [{ id: 3, who: null, _gs_op: 'i' }])
  assert.deepEqual(
    context.deadRows.map(({ code, row }) => ({ code, row })),
    [
      { code: 'bad_op', row: '{"id":1}' },
      { code: 'bad_op', row: '{"id":2}' },
    ],
  )
  assert.match(context.deadRows[0]!.message, /offset 0: its header dbz.op is "truncate": known are c, r, i, u, d$/)
})

test('all partitions are read, each in its order, and an epoch is read again exactly', { skip }, async t => {
  const topic = await makeTopic(t, brokers, { partitions: 4 })
  const messages = Array.from({ length: 400 }, (_, id) => ({ value: JSON.stringify({ id }), partition: id % 4 }))
  await produce(brokers, topic, messages)
  const keys = { topic, ...json, batch_size: 7 }
  const { batches, source } = await readAll(t, keys, { brokers })
  const ids = rowsIn(batches).map(({ id }) => id as number)
  assert.deepEqual(
    ids.toSorted((a, b) => a - b),
    [...messages.keys()],
  )
  for (const partition of [0, 1, 2, 3])
    assert.deepEqual(
      ids.filter(id => id % 4 === partition),
      Array.from({ length: 100 }, (_, at) => at * 4 + partition),
    )
  const start = stored(await source.start())
  const positions = [start, ...batches.map(({ position }) => position)]
  for (const [first, last] of [
    [0, 3],
    [5, 6],
    [17, positions.length - 1],
    [4, 4],
  ] as const) {
    const { source: again } = await openFor(t, keys, { brokers })
    const replay = rowsIn(await batchesOf(again, positions[first]!, { to: positions[last]! }))
    const wanted = rowsIn(batches.slice(first, last))
    const sorted = (rows: typeof replay) => rows.map(row => Number(row.id)).sort((a, b) => a - b)
    assert.deepEqual(sorted(replay), sorted(wanted))
  }
})

test('a source that follows goes on with what comes, and closing ends a call that waits', { skip }, async t => {
  const topic = await makeTopic(t, brokers, { partitions: 2 })
  await produce(brokers, topic, [{ value: '{"id":1}' }])
  const { source } = await openFor(t, { topic, ...json }, { brokers })
  const reader = source.read(await source.start())
  assert.deepEqual(rowsIn([(await reader.next())!]), [{ id: 1, who: null, _gs_op: 'i' }])
  const next = reader.next()
  await produce(brokers, topic, [{ value: '{"id":2}', partition: 1 }])
  assert.deepEqual(rowsIn([(await next)!]), [{ id: 2, who: null, _gs_op: 'i' }])
  const waiting = reader.next()
  await reader.close()
  assert.equal(await waiting, undefined)
})

test('a filter leaves rows out, and the position goes on', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [{ value: '{"id":1}' }, { value: '{"id":2}' }])
  const { rows, batches } = await readAll(t, { topic, ...json, filter: 'id > 5' }, { brokers })
  assert.deepEqual(rows, [])
  assert.deepEqual(batches.at(-1)!.position[`${topic}:0`], { offset: 2, begin: 0 })
})

test('a row that the filter cannot take is a dead letter, and the others go on', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [{ value: '{"id":1}' }, { value: '{"id":2}' }, { value: '{"id":3}' }])
  const filter = "case when id = 2 then error('no') else true end"
  const { rows, context } = await readAll(t, { topic, ...json, filter }, { brokers })
  assert.deepEqual(
    rows.map(({ id }) => id),
    [1, 3],
  )
  assert.deepEqual(
    context.deadRows.map(({ code, row }) => [code, (row as Row).id]),
    [['sql_error', 2]],
  )
})
