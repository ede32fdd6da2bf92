import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { batchOf, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
let tables = 0

async function store(t: TestContext, columns: Types, rows: readonly Row[], config: object = {}) {
  const table = `t${++tables}`
  const { sink } = await openSink(t, db.server, { table, primary_key: 'id', ...config }, streamOf(columns), {
    name: table,
  })
  await sink.begin()
  await sink.write(batchOf(columns, rows), 1)
  await sink.commit(checkpoint(1))
  return table
}

const every: Types = {
  id: 'int64',
  i8: 'int8',
  u16: 'uint16',
  u64: 'uint64',
  f32: 'float32',
  f64: 'float64',
  b: 'boolean',
  s: 'utf8',
  bin: 'binary',
  d: 'date32',
  ts: 'timestamp(s)',
  tms: 'timestamp(ms, UTC)',
  tus: 'timestamp(us, UTC)',
  tns: 'timestamp(ns)',
  tm: 'time64',
  dec: 'decimal128(38, 9)',
  l: 'list<int64>',
  ll: 'list<list<utf8>>',
}

test('values of every type arrive as they are', { skip }, async t => {
  const table = await store(t, every, [
    {
      id: 1,
      i8: -128,
      u16: 65535,
      u64: 18446744073709551615n,
      f32: 0.5,
      f64: 1e300,
      b: true,
      s: 'ä\u0000"\\',
      bin: Uint8Array.of(0xff, 0),
      d: '1969-12-31',
      ts: '2024-02-29T12:00:00',
      tms: '2024-02-29T12:00:00.123Z',
      tus: '1969-12-31T23:59:59.999999Z',
      tns: '2024-02-29T12:00:00.123456789',
      tm: '12:34:56.789',
      dec: '12345678901234567890123456789.123456789',
      l: [1, null, 3],
      ll: [['a'], [], [null]],
    },
    { id: 2 },
  ])
  // the reader of this test quotes numbers of 64 bits
  const [full, empty] = await db.rows<Record<string, unknown>>(
    `SELECT * EXCEPT (insert_time, bin, dec), hex(bin) AS bin FROM ${table} ORDER BY id`,
  )
  assert.deepEqual(full, {
    id: '1',
    i8: -128,
    u16: 65535,
    u64: '18446744073709551615',
    f32: 0.5,
    f64: 1e300,
    b: true,
    s: 'ä\u0000"\\',
    d: '1969-12-31',
    ts: '2024-02-29 12:00:00',
    tms: '2024-02-29 12:00:00.123',
    tus: '1969-12-31 23:59:59.999999',
    tns: '2024-02-29 12:00:00.123456789',
    tm: '45296789000',
    l: ['1', null, '3'],
    ll: [['a'], [], [null]],
    is_deleted: 0,
    bin: 'FF00',
  })
  const { id, l, ll, is_deleted, ...rest } = empty!
  assert.deepEqual([id, l, ll, is_deleted], ['2', [], [], 0])
  assert.ok(
    Object.values(rest).every(value => value === null),
    JSON.stringify(rest),
  )
  const [exact] = await db.rows(`SELECT toString(dec) AS dec FROM ${table} WHERE id = 1`)
  assert.deepEqual(exact, { dec: '12345678901234567890123456789.123456789' })
})

test('schema_override names types of columns that are made, and leaves columns out', { skip }, async t => {
  const columns: Types = { id: 'utf8', country: 'utf8', wide: 'utf8', at: 'timestamp', gone: 'utf8', js: 'utf8' }
  const wide = '115792089237316195423570985008687907853269984665640564039457584007913129639935'
  const table = await store(
    t,
    columns,
    [
      {
        id: '7f000001-0000-0000-0000-000000000001',
        country: 'de',
        wide,
        at: '2024-02-29T12:00:00',
        gone: 'x',
        js: '{"a":1}',
      },
    ],
    {
      schema_override: {
        id: 'UUID',
        country: 'LowCardinality(String)',
        wide: 'UInt256',
        at: 'DateTime',
        gone: null,
        js: 'JSON',
      },
    },
  )
  const types = await db.rows(
    `SELECT name, type FROM system.columns WHERE table = '${table}' AND database = '${db.name}'`,
  )
  assert.deepEqual(types.slice(0, 5), [
    { name: 'id', type: 'UUID' },
    { name: 'country', type: 'LowCardinality(String)' },
    { name: 'wide', type: 'UInt256' },
    { name: 'at', type: 'DateTime' },
    { name: 'js', type: 'JSON' },
  ])
  const [found] = await db.rows(`SELECT toString(wide) AS wide, country, at, toString(js) AS js FROM ${table}`)
  assert.deepEqual(found, { wide, country: 'de', at: '2024-02-29 12:00:00', js: '{"a":"1"}' })
})

for (const compression of ['none', 'zstd', 'gzip', 'lz4'])
  test(`rows arrive compressed by ${compression}`, { skip }, async t => {
    const columns: Types = { id: 'int64', s: 'utf8' }
    const rows = Array.from({ length: 70_000 }, (_, id) => ({
      id,
      s: id % 3 === 0 ? null : `text ${(id * 7919) % 100_003}`,
    }))
    const table = await store(t, columns, rows, { compression, compression_level: 1 })
    const [found] = await db.rows(
      `SELECT count() AS c, sum(id) AS i, countIf(s = concat('text ', toString((id * 7919) % 100003))) AS s FROM ${table}`,
    )
    assert.deepEqual(found, { c: '70000', i: '2449965000', s: String(70_000 - Math.ceil(70_000 / 3)) })
  })

test('lists of times go on in the table that was made for them', { skip }, async t => {
  const columns: Types = {
    id: 'int64',
    days: 'list<date32>',
    times: 'list<timestamp(us, UTC)>',
    clock: 'list<time64>',
  }
  const row = { id: 1, days: ['2024-02-29', null], times: ['2024-02-29T12:00:00.5Z'], clock: ['00:00:02.5', null] }
  const table = await store(t, columns, [row])
  const { sink } = await openSink(t, db.server, { table, primary_key: 'id' }, streamOf(columns), { name: table })
  await sink.begin()
  await sink.write(batchOf(columns, [{ ...row, id: 2 }]), 2)
  await sink.commit(checkpoint(2))
  const found = { days: ['2024-02-29', null], times: ['2024-02-29 12:00:00.500000'], clock: ['2500000', null] }
  assert.deepEqual(await db.rows(`SELECT days, times, clock FROM ${table} ORDER BY id`), [found, found])
})

test('columns may be called as what every object has', { skip }, async t => {
  const columns: Types = { id: 'int64', constructor: 'utf8', toString: 'utf8', ['__proto__']: 'utf8' }
  const table = await store(t, columns, [{ id: 1, constructor: 'a', toString: 'b', ['__proto__']: 'c' }])
  const [found] = await db.rows(`SELECT constructor AS a, toString AS b, __proto__ AS c FROM ${table}`)
  assert.deepEqual(found, { a: 'a', b: 'b', c: 'c' })
})

for (const [column, type] of [
  ['Nullable(UInt8)', 'float64'],
  ['Nullable(DateTime)', 'utf8'],
  ['Int64', 'timestamp'],
  ['Array(IPv6)', 'list<utf8>'],
  ['String', 'list<int64>'],
] as const)
  test(`${type} into ${column} is refused`, { skip }, async t => {
    const config = { table: `t${++tables}`, primary_key: 'id', schema_override: { x: column } }
    const { sink } = await openSink(t, db.server, config, streamOf({ id: 'int64', x: type }), { name: config.table })
    await assert.rejects(sink.begin(), {
      code: 'bad_pipeline',
      message: /which the server would change: cast it, or declare/,
    })
  })
