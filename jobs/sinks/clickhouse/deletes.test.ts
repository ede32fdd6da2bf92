import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { batchOf, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { openSink } from './harness.suite.ts'

/** Deletes of `append_only_mode: false`, which are statements of their own. */

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
let tables = 0

/** Epochs of rows in a new table; the places that are left in it after each. */
async function left(t: TestContext, columns: Types, config: object, epochs: readonly (readonly Row[])[]) {
  const table = `t${++tables}`
  const all = { table, append_only_mode: false, ...config }
  const { sink, context } = await openSink(t, db.server, all, streamOf(columns), { name: table })
  await sink.begin()
  const places: number[][] = []
  for (const [at, rows] of epochs.entries()) {
    await sink.write(batchOf(columns, rows), at + 1)
    await sink.commit(checkpoint(at + 1))
    const found = await db.rows<{ place: number }>(`SELECT place FROM ${table} FINAL ORDER BY place`)
    places.push(found.map(({ place }) => place))
  }
  assert.deepEqual(context.deadRows, [])
  return places
}

const bytes = (...values: number[]) => Uint8Array.from(values)

for (const [type, column, values] of [
  ['boolean', 'Bool', [true, false]],
  ['boolean', 'UInt8', [true, false]],
  ['boolean', 'String', [true, false]],
  ['int64', 'Int64', [-(2n ** 63n), 0, 2n ** 63n - 1n]],
  ['int64', 'Float64', [-5, 5, 2 ** 53]],
  ['int64', 'Decimal(20, 2)', [-5, 5, 0]],
  ['int64', 'UInt256', [0, 5, 2n ** 62n]],
  ['uint64', 'String', [0, 5, 2n ** 64n - 1n]],
  ['float64', 'Float64', [0.1, 1e21, -5e-324, Number.NaN, Number.POSITIVE_INFINITY]],
  ['float64', 'Float32', [0.1, 1e21, 3]],
  ['float64', 'String', [0.1, 1e21, 1e-7, Number.NaN]],
  ['float32', 'Float64', [0.1, 1e21, 3]],
  ['utf8', 'String', ['k1', 'azE=', "'\\\n\0ä", '']],
  ['utf8', 'LowCardinality(String)', ['k1', 'azE=', "'\\\n\0ä", '']],
  ['utf8', 'FixedString(4)', ['k1', 'abcd', '', 'ä']],
  ['utf8', "Enum8('1' = 2, '2' = 1, 'a\\'b' = 3)", ['1', '2', "a'b"]],
  ['utf8', 'UUID', ['7f000001-0000-0000-0000-000000000001', 'FF000001-0000-0000-0000-00000000000A']],
  ['utf8', 'IPv4', ['127.0.0.1', '1.1.1.1']],
  ['utf8', 'IPv6', ['::1', 'FE80::1', '10.0.0.1', '2001:db8::1:2:34']],
  ['utf8', 'UInt8', ['007', '255', '0']],
  ['utf8', 'UInt128', ['1234567890123456', '7']],
  ['utf8', 'Int256', ['-1234567890123456123456789012345', '7']],
  ['binary', 'String', [bytes(0x6b, 0x31), bytes(0x61, 0x7a, 0x45, 0x3d), bytes(0xff, 0, 0x27, 0x5c), bytes()]],
  ['binary', 'FixedString(4)', [bytes(0x6b, 0x31), bytes(0x61, 0x7a, 0x45, 0x3d), bytes(0xff, 0, 0x27, 0x5c)]],
  ['decimal128(20, 2)', 'Decimal(20, 2)', ['1.10', '-0.05', '100']],
  ['decimal128(20, 2)', 'Decimal(30, 4)', ['1.10', '-0.05', '100']],
  ['decimal128(20, 2)', 'Float64', ['1.10', '-0.05', '100']],
  ['decimal128(20, 2)', 'String', ['1.10', '-0.05', '100']],
  ['date32', 'Date32', ['1900-01-01', '2024-02-29', '2299-12-31']],
  ['date32', 'Date', ['1970-01-01', '2024-02-29']],
  ['timestamp(us, UTC)', "DateTime64(6, 'UTC')", ['1969-12-31T23:59:59.999999Z', '2024-02-29T12:00:00.5Z']],
  ['timestamp(us, UTC)', "DateTime64(9, 'America/New_York')", ['2024-11-03T05:30:00Z', '2024-11-03T06:30:00Z']],
  ['timestamp(us, UTC)', 'DateTime64(3)', ['1960-01-01T00:00:00.001Z', '2024-02-29T12:00:00.5Z']],
  // an hour that comes twice there
  ['timestamp(us, UTC)', "DateTime('Europe/Berlin')", ['2024-10-27T00:30:00Z', '2024-10-27T01:30:00Z']],
  ['timestamp(us)', "DateTime('Europe/Berlin')", ['2024-10-27T00:30:00', '2024-10-27T01:30:00']],
  ['timestamp(us)', 'String', ['2024-10-27T00:30:00', '2024-10-27T01:30:00.5']],
  ['timestamp(ns)', "DateTime64(9, 'UTC')", ['2024-02-29T12:00:00.123456789', '1960-01-01T00:00:00']],
  ['timestamp(s)', 'DateTime', ['2024-02-29T12:00:00', '1970-01-01T00:00:00']],
  ['time64', 'Int64', ['00:00:02.5', '23:59:59.999999', '00:00:00']],
  ['time64', 'Time64(6)', ['00:00:02.5', '23:59:59.999999', '00:00:00']],
] as const)
  test(`a delete finds the row of its key, ${type} in ${column}, and no other`, { skip }, async t => {
    const columns: Types = { k: type, place: 'uint8' }
    const rows = values.map((k, place) => ({ k, place }))
    const config = { primary_key: 'k', schema_override: { k: column } }
    const deletes = rows.map(row => ({ ...row, _gs_op: 'd' }))
    const found = await left(t, columns, config, [rows, ...deletes.map(row => [row]), rows, deletes])
    const places = rows.map(({ place }) => place)
    assert.deepEqual(found, [places, ...places.map(place => places.slice(place + 1)), places, []])
  })

test('a key of several columns is deleted as a whole', { skip }, async t => {
  const columns: Types = { a: 'binary', b: 'timestamp(us, UTC)', c: 'time64', place: 'uint8' }
  const at = '2024-02-29T12:00:00.5Z'
  const rows = [
    { a: bytes(255), b: at, c: '00:00:01', place: 0 },
    { a: bytes(254), b: at, c: '00:00:01', place: 1 },
    { a: bytes(255), b: at, c: '00:00:02', place: 2 },
  ]
  const config = { primary_key: 'a, b, c' }
  assert.deepEqual(await left(t, columns, config, [rows, [{ ...rows[0]!, _gs_op: 'd' }]]), [
    [0, 1, 2],
    [1, 2],
  ])
})

for (const [type, column, old, other] of [
  ['timestamp(us, UTC)', 'DateTime', '2024-02-29T12:00:00.1Z', '2024-02-29T12:00:00.2Z'],
  ['utf8', 'UInt8', '7', '007'],
  ['utf8', 'UUID', 'ff000001-0000-0000-0000-00000000000a', 'FF000001-0000-0000-0000-00000000000A'],
] as const)
  test(`the last row of a key counts, where ${type} in ${column} makes one key of two`, { skip }, async t => {
    const columns: Types = { k: type, place: 'uint8' }
    const config = { primary_key: 'k', schema_override: { k: column } }
    const first = { k: old, place: 1 }
    const gone = { k: old, place: 1, _gs_op: 'd' }
    const next = { k: other, place: 2 }
    assert.deepEqual(await left(t, columns, config, [[first], [gone, next]]), [[1], [2]])
    assert.deepEqual(await left(t, columns, config, [[first], [next, gone]]), [[1], []])
  })

test('deletes of more keys than one statement names are all done', { skip }, async t => {
  const columns: Types = { k: 'binary', place: 'uint16' }
  const rows = Array.from({ length: 10_003 }, (_, place) => ({ k: bytes(place >> 8, place & 255), place }))
  const gone = rows.slice(1).map(row => ({ ...row, _gs_op: 'd' }))
  assert.deepEqual((await left(t, columns, { primary_key: 'k' }, [rows, gone])).at(-1), [0])
})

test('a key in a JSON column is refused, since nothing can be deleted by it', { skip }, async t => {
  const table = `t${++tables}`
  await db.run(
    `CREATE TABLE ${table} (k JSON, id Int64) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100`,
  )
  const config = { table, primary_key: 'k', append_only_mode: false }
  const { sink } = await openSink(t, db.server, config, streamOf({ k: 'utf8', id: 'int64' }), { name: table })
  await assert.rejects(sink.begin(), { code: 'bad_pipeline', message: /column "k" of the primary key is JSON/ })
})
