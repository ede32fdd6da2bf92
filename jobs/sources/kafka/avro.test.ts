import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { service } from '../../../test/support/servers.ts'
import { avroOf, makeTopic, produce } from '../../drivers/kafka/harness.suite.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { batchesOf, rowsIn, stored } from '../../runtime/harness/source.suite.ts'
import { openFor, readAll } from './harness.suite.ts'

/** Messages by the schema registry: what they may be, and how their schema may change. */

const { skip: none, at } = service('kafka')
const registry = service('registry')
const skip = none || registry.skip
const brokers = at.KAFKA
const options = { brokers, registry: registry.at.REGISTRY }

const record = (fields: readonly object[], name = 'Row') => ({ type: 'record', name, fields })
const id = { name: 'id', type: 'long' }
const register = (topic: string, schema: object) => avroOf(registry.at.REGISTRY, topic, schema)

test('types, odd ones too, keep their values', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const logical = (name: string, type: string, logicalType: string, more: object = {}) => ({
    name,
    type: { type, logicalType, ...more },
  })
  const { encode } = await register(
    topic,
    record([
      { name: 'bool', type: 'boolean' },
      { name: 'int', type: 'int' },
      { name: 'long', type: ['long', 'null'] },
      { name: 'float', type: 'float' },
      { name: 'double', type: ['null', 'double'] },
      { name: 'bytes', type: 'bytes' },
      { name: 'text', type: ['string', 'null'] },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['X', 'Y'] } },
      { name: 'fixed', type: { type: 'fixed', name: 'Two', size: 2 } },
      { name: 'list', type: { type: 'array', items: ['null', 'int'] } },
      { name: 'map', type: { type: 'map', values: 'double' } },
      { name: 'inner', type: record([{ name: 'x', type: ['null', 'string'] }], 'Inner') },
      { name: 'either', type: ['null', 'int', 'string'] },
      logical('date', 'int', 'date'),
      logical('time', 'int', 'time-millis'),
      logical('ms', 'long', 'timestamp-millis'),
      logical('us', 'long', 'timestamp-micros'),
      logical('price', 'bytes', 'decimal', { precision: 10, scale: 2 }),
    ]),
  )
  const bytes = Buffer.from([1, 255])
  await produce(brokers, topic, [
    {
      value: encode({
        bool: true,
        int: -2147483648,
        long: { long: -4503599627370490 },
        float: 0.5,
        double: { double: -0.1 },
        bytes,
        text: { string: `${'ü'.repeat(40)}` },
        kind: 'Y',
        fixed: bytes,
        list: [{ int: 1 }, null],
        map: { a: 1.5 },
        inner: { x: { string: 'y' } },
        either: { string: 'z' },
        date: 19_723,
        time: 3_723_004,
        ms: 1_704_164_645_678,
        us: 1_704_164_645_678_901,
        price: Buffer.from([0xff, 0x85]),
      }),
    },
  ])
  const { rows } = await readAll(t, { topic }, options)
  assert.deepEqual(rows, [
    {
      bool: true,
      int: -2147483648,
      long: -4503599627370490,
      float: 0.5,
      double: -0.1,
      bytes: 'Af8=',
      text: 'ü'.repeat(40),
      kind: 'Y',
      fixed: 'Af8=',
      list: [1, null],
      map: { a: 1.5 },
      inner: { x: 'y' },
      either: '"z"',
      date: '2024-01-01',
      time: '01:02:03.004',
      ms: '2024-01-02T03:04:05.678Z',
      us: '2024-01-02T03:04:05.678901Z',
      price: -1.23,
      _gs_op: 'i',
    },
  ])
})

test('a message that is broken is a dead letter, and the next a row', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const { encode } = await register(topic, record([id, { name: 'who', type: 'string' }]))
  const good = encode({ id: 1, who: 'käfer' })
  const head = good.subarray(0, 5)
  const cases: [Buffer, RegExp][] = [
    [Buffer.from('{"id":1}'), /it does not begin with byte 0 and the id of a schema/],
    [Buffer.from([0, 0, 0]), /it does not begin with byte 0/],
    [Buffer.from([0, 0x7f, 0, 0, 1, 2]), /the schema registry has no schema 2130706433$/],
    [good.subarray(0, 6), /column "who": it ends inside a number$/],
    [good.subarray(0, 9), /column "who": it ends 4 bytes early$/],
    [Buffer.concat([good, Buffer.from([7])]), /there are 1 bytes behind the record of schema \d+$/],
    [Buffer.concat([head, Buffer.from([2, 4, 0xff, 0xfe])]), /column "who": its bytes are no UTF-8$/],
    [Buffer.concat([head, Buffer.alloc(12, 0xff)]), /column "id": a number is longer than a long can be$/],
    [Buffer.concat([head, Buffer.from([2, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])]), /column "who": a length is -\d+$/],
    [Buffer.concat([head, Buffer.from([2, 1])]), /column "who": a length is -1$/],
  ]
  const values = cases.flatMap(([value], at) => [{ value }, { value: encode({ id: at, who: `${at}` }) }])
  await produce(brokers, topic, values)
  const { rows, context } = await readAll(t, { topic }, options)
  assert.deepEqual(
    rows,
    cases.map((_, id) => ({ id, who: `${id}`, _gs_op: 'i' })),
  )
  assert.equal(context.deadRows.length, cases.length)
  for (const [at, [, why]] of cases.entries()) {
    assert.match(context.deadRows[at]!.message, why)
    assert.ok(context.deadRows[at]!.message.startsWith(`${topic}/0, offset ${at * 2}: `))
  }
})

test('every message that is cut off or has a byte changed is a row or a dead letter', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const { encode } = await register(
    topic,
    record([
      id,
      { name: 'list', type: { type: 'array', items: 'string' } },
      { name: 'map', type: { type: 'map', values: 'long' } },
      { name: 'u', type: ['null', 'int', 'string'] },
    ]),
  )
  const good = encode({ id: 77, list: ['a', 'b'], map: { k: 5 }, u: { string: 'text' } })
  const values: Buffer[] = []
  for (let at = 5; at < good.length; at++) {
    values.push(good.subarray(0, at))
    for (const bit of [1, 0x40, 0x80]) {
      const changed = Buffer.from(good)
      changed[at]! ^= bit
      values.push(changed)
    }
  }
  await produce(
    brokers,
    topic,
    values.map(value => ({ value })),
  )
  const { rows, context } = await readAll(t, { topic }, options)
  assert.equal(rows.length + context.deadRows.length, values.length)
  assert.ok(context.deadRows.length >= good.length - 6)
})

test(
  'messages of older schemas have nulls in new columns, and what was left out since is passed over',
  { skip },
  async t => {
    const topic = await makeTopic(t, brokers)
    const optional = (name: string, type: string) => ({ name, type: ['null', type], default: null })
    const first = await register(topic, record([id, optional('gone', 'string'), optional('at', 'int')]))
    const second = await register(topic, record([optional('fresh', 'double'), id, optional('at', 'long')]))
    await produce(brokers, topic, [
      { value: first.encode({ id: 1, gone: { string: 'x' }, at: { int: 5 } }) },
      { value: second.encode({ id: 2, fresh: { double: 1.5 }, at: { long: 6 } }) },
      { value: first.encode({ id: 3, gone: null, at: null }) },
    ])
    const { rows, source } = await readAll(t, { topic }, options)
    assert.deepEqual(
      source.schema.fields.map(({ name, type }) => `${name} ${nameOf(type)}`),
      ['fresh float64', 'id int64', 'at int64', '_gs_op utf8'],
    )
    assert.deepEqual(rows, [
      { fresh: null, id: 1, at: 5, _gs_op: 'i' },
      { fresh: 1.5, id: 2, at: 6, _gs_op: 'i' },
      { fresh: null, id: 3, at: null, _gs_op: 'i' },
    ])
  },
)

test(
  'a schema with new columns that comes while it runs starts the pipeline again, which then has them',
  { skip },
  async t => {
    const topic = await makeTopic(t, brokers)
    const first = await register(topic, record([id]))
    await produce(brokers, topic, [{ value: first.encode({ id: 1 }) }])
    const { source } = await openFor(t, { topic }, options)
    const start = stored(await source.start())
    const reader = source.read(start)
    assert.deepEqual(rowsIn([(await reader.next())!]), [{ id: 1, _gs_op: 'i' }])
    const second = await register(topic, record([id, { name: 'who', type: ['null', 'string'], default: null }]))
    await produce(brokers, topic, [{ value: second.encode({ id: 2, who: { string: 'a' } }) }])
    const failed = openFor(t, { topic }, options)
    await assert.rejects(
      async () => {
        for (;;) await reader.next()
      },
      {
        code: 'unavailable',
        message:
          /messages come with schema \d+, and the newest of .*-value is now \d+ with the columns who: the pipeline starts again/,
      },
    )
    await reader.close()
    const { source: again } = await failed
    assert.deepEqual(rowsIn(await batchesOf(again, start, { count: 2 })), [
      { id: 1, who: null, _gs_op: 'i' },
      { id: 2, who: 'a', _gs_op: 'i' },
    ])
  },
)

test(
  'a wider type of a column that comes while it runs starts the pipeline again, which then has it',
  { skip },
  async t => {
    for (const [from, to, value, told] of [
      ['int', 'long', 2 ** 40, 'value int64 (until now int32)'],
      ['float', 'double', 0.1, 'value float64 (until now float32)'],
      [['null', 'int'], ['null', 'double'], { double: 0.5 }, 'value float64 (until now int32)'],
      [
        { type: 'array', items: 'int' },
        { type: 'array', items: 'long' },
        [2 ** 40],
        'value list<int64> (until now list<int32>)',
      ],
    ] as const) {
      const topic = await makeTopic(t, brokers)
      await register(topic, record([{ name: 'value', type: from }]))
      const { source } = await openFor(t, { topic }, options)
      const start = stored(await source.start())
      const second = await register(topic, record([{ name: 'value', type: to }]))
      await produce(brokers, topic, [{ value: second.encode({ value }) }])
      await assert.rejects(batchesOf(source, start, { count: 1 }), error => {
        assert.ok(error instanceof PipelineError && error.code === 'unavailable')
        return error.message.includes(`with the columns ${told}: the pipeline starts again`)
      })
      const { source: again } = await openFor(t, { topic }, options)
      const plain = typeof value === 'object' && 'double' in value ? value.double : value
      assert.deepEqual(rowsIn(await batchesOf(again, start, { count: 1 })), [{ value: plain, _gs_op: 'i' }])
    }
  },
)

test('a narrower type that comes while it runs fits the column, and starts nothing', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await register(topic, record([{ name: 'value', type: 'double' }]))
  const { source } = await openFor(t, { topic }, options)
  const second = await register(topic, record([{ name: 'value', type: 'int' }]))
  await produce(brokers, topic, [{ value: second.encode({ value: 7 }) }])
  assert.deepEqual(rowsIn(await batchesOf(source, await source.start(), { count: 1 })), [{ value: 7, _gs_op: 'i' }])
})

test('a number that a column would round is a dead letter, and one that it holds a row', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const of = (value: string, items: string) =>
    record([
      { name: 'value', type: value },
      { name: 'list', type: { type: 'array', items } },
    ])
  const wide = await register(topic, of('double', 'double'))
  const long = await register(topic, of('long', 'long'))
  await register(topic, of('float', 'float'))
  await produce(brokers, topic, [
    ...[0.5, 0.1, 1e300, Number.POSITIVE_INFINITY].map(value => ({ value: wide.encode({ value, list: [] }) })),
    ...[2 ** 24, 2 ** 24 + 1, -(2 ** 40)].map(value => ({ value: long.encode({ value, list: [] }) })),
    { value: wide.encode({ value: 1, list: [0.25, 0.2] }) },
    { value: wide.encode({ value: 2, list: [0.25] }) },
  ])
  const { rows, context, batches } = await readAll(t, { topic }, options)
  assert.deepEqual(
    batches.flatMap(({ batch }) => [...batch.getChild('value')!]),
    [0.5, Number.POSITIVE_INFINITY, 2 ** 24, -(2 ** 40), 2],
  )
  assert.deepEqual(rows.at(-1), { value: 2, list: [0.25], _gs_op: 'i' })
  assert.deepEqual(
    context.deadRows.map(({ message }) => message.slice(message.indexOf('column'))),
    [
      'column "value": 0.1 does not fit float32 exactly',
      'column "value": 1e+300 does not fit float32 exactly',
      'column "value": 16777217 does not fit float32 exactly',
      'column "list": 0.2 does not fit float32 exactly',
    ],
  )
})

test('with validate_writer_schema_ordering: false the new columns are left out', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await register(topic, record([id]))
  const { source } = await openFor(t, { topic, validate_writer_schema_ordering: false }, options)
  const second = await register(topic, record([id, { name: 'who', type: ['null', 'string'], default: null }]))
  await produce(brokers, topic, [{ value: second.encode({ id: 2, who: { string: 'a' } }) }])
  assert.deepEqual(rowsIn(await batchesOf(source, await source.start(), { count: 1 })), [{ id: 2, _gs_op: 'i' }])
})

test('a schema id can be read as another', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const { encode, id: known } = await register(topic, record([id]))
  const value = encode({ id: 5 })
  value.writeInt32BE(999_999, 1)
  await produce(brokers, topic, [{ value }])
  const schema_id_overrides = [{ from: 999_999, to: known }]
  assert.deepEqual((await readAll(t, { topic, schema_id_overrides }, options)).rows, [{ id: 5, _gs_op: 'i' }])
})

test('values that are a union of null and a record are read, as the model writes them', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  const { encode } = await register(topic, ['null', record([id])])
  await produce(brokers, topic, [{ value: encode({ Row: { id: 5 } }) }])
  assert.deepEqual((await readAll(t, { topic }, options)).rows, [{ id: 5, _gs_op: 'i' }])
})

test('a subject that is missing is told with the way out', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await assert.rejects(openFor(t, { topic }, options), {
    code: 'bad_pipeline',
    message: `the schema registry ${registry.at.REGISTRY} has no subject ${topic}-value: register the schema of the topic, or set data_format`,
  })
})

test('a registry that fails for a moment is asked again, and one that refuses is told', { skip: none }, async t => {
  const topic = await makeTopic(t, brokers)
  const answers: [number, string][] = [
    [500, 'oops'],
    [429, '{"message":"slow down"}'],
    [
      200,
      `{"id":1,"version":1,"schema":"{\\"type\\":\\"record\\",\\"name\\":\\"R\\",\\"fields\\":[{\\"name\\":\\"a\\",\\"type\\":\\"int\\"}]}"}`,
    ],
    [401, '{"error_code":401,"message":"who are you"}'],
    [200, '{"id":2,"version":1,"schemaType":"PROTOBUF","schema":"x"}'],
    [404, '{"error_code":40401,"message":"Subject not found"}'],
  ]
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    const [status, body] = answers.shift()!
    response.writeHead(status).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const retries: string[] = []
  const connection = { schema_registry_username: 'me', schema_registry_password: 'se:cret' }
  const own = { brokers, registry: url, connection, onRetry: (message: string) => void retries.push(message) }
  const { source } = await openFor(t, { topic }, own)
  assert.equal(source.schema.fields[0]!.name, 'a')
  assert.deepEqual(retries, ['schema registry: status 500: oops', 'schema registry: status 429: slow down'])
  assert.equal(seen[0], `Basic ${Buffer.from('me:se:cret').toString('base64')}`)
  await assert.rejects(openFor(t, { topic }, own), {
    code: 'refused',
    message:
      'schema registry: status 401: who are you: check kafka_source.schema_registry_username and schema_registry_password',
  })
  await assert.rejects(openFor(t, { topic }, own), {
    code: 'refused',
    message: /is of type PROTOBUF: only AVRO is understood/,
  })
  await assert.rejects(openFor(t, { topic }, own), { code: 'bad_pipeline', message: /has no subject/ })
})

test('a user and password in the URL of the registry are taken, and never shown', { skip: none }, async t => {
  const topic = await makeTopic(t, brokers)
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(seen.length % 2 === 1 ? 404 : 401).end('{"error_code":40401,"message":"no"}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const own = { schema_registry_username: 'me', schema_registry_password: 'secret' }
  for (const [connection, user] of [
    [{}, 'u:hunter2:'],
    [own, 'me:secret'],
  ] as const) {
    const given = { brokers, registry: `http://u:hunter2%3A@127.0.0.1:${port}`, connection }
    await assert.rejects(openFor(t, { topic }, given), {
      code: 'bad_pipeline',
      message: `the schema registry http://127.0.0.1:${port} has no subject ${topic}-value: register the schema of the topic, or set data_format`,
    })
    await assert.rejects(openFor(t, { topic }, given), error => !inspect(error).includes('hunter2'))
    const authorization = `Basic ${Buffer.from(user).toString('base64')}`
    assert.deepEqual(seen.splice(0), [authorization, authorization])
  }
})

test('a URL that can never be asked is told at once', { skip: none }, async t => {
  const topic = await makeTopic(t, brokers)
  const cases: [string, string][] = [
    [
      'http://u:hunter2@127.0.0.1:1',
      'schema registry http://127.0.0.1:1: bad port: check kafka_source.schema_registry_url',
    ],
    [
      'ftp://u:hunter2@127.0.0.1',
      'kafka_source.schema_registry_url begins with ftp://, and a registry is asked by http or https',
    ],
    [
      'http://u:100%@127.0.0.1:8081',
      'kafka_source.schema_registry_url has a user or password with a % that begins no byte: write %25, or set schema_registry_username',
    ],
  ]
  for (const [url, wanted] of cases) {
    const onRetry = (message: string) => assert.fail(`it was tried again: ${message}`)
    await assert.rejects(openFor(t, { topic }, { brokers, registry: url, onRetry }), error => {
      assert.ok(error instanceof PipelineError)
      assert.deepEqual([error.code, error.message.endsWith(wanted)], ['bad_pipeline', true], error.message)
      return !inspect(error).includes('hunter2')
    })
  }
})
