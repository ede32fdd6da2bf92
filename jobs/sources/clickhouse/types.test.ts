import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { contextFor, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { clickhouse } from './clickhouse.ts'
import { made, readAll } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)

const wide = '115792089237316195423570985008687907853269984665640564039457584007913129639935'

/** type, value in SQL, type that is read, value */
const cells: readonly (readonly [string, string, string, unknown])[] = [
  ['UInt64', '18446744073709551615', 'uint64', '18446744073709551615'],
  ['Nullable(Int8)', 'NULL', 'int8', null],
  ['UInt256', `toUInt256('${wide}')`, 'utf8', wide],
  ['Int128', '-5', 'utf8', '-5'],
  ['Float32', '0.5', 'float32', 0.5],
  ['Bool', 'true', 'boolean', true],
  ['String', "'ä\\0\"'", 'utf8', 'ä\u0000"'],
  ['FixedString(2)', "unhex('ff00')", 'fixed_size_binary(2)', '/wA='],
  ['LowCardinality(Nullable(String))', "'x'", 'utf8', 'x'],
  ['Date', "'2149-06-06'", 'date32', '2149-06-06'],
  ['Date32', "'1900-01-01'", 'date32', '1900-01-01'],
  ["DateTime('Europe/Berlin')", "'2024-07-01 12:00:00'", 'timestamp(s, UTC)', '2024-07-01T10:00:00Z'],
  ['DateTime64(1)', "'2024-07-01 12:00:00.1'", 'timestamp(ms, UTC)', '2024-07-01T12:00:00.1Z'],
  ["DateTime64(9, 'UTC')", "'1969-12-31 23:59:59.999999999'", 'timestamp(ns, UTC)', '1969-12-31T23:59:59.999999999Z'],
  [
    'Decimal(38, 9)',
    "toDecimal128('-12345678901234567890123456789.5', 9)",
    'decimal128(38, 9)',
    '-12345678901234567890123456789.500000000',
  ],
  [
    'Decimal(76, 2)',
    "toDecimal256('12345678901234567890123456789012345678901234567890.25', 2)",
    'utf8',
    '12345678901234567890123456789012345678901234567890.25',
  ],
  ['UUID', "'7f000001-0000-0000-0000-000000000001'", 'utf8', '7f000001-0000-0000-0000-000000000001'],
  ['IPv6', "'::1'", 'utf8', '::1'],
  ["Enum8('a' = 1)", "'a'", 'utf8', 'a'],
  ['Array(Nullable(Int32))', '[1, NULL]', 'list<int32>', [1, null]],
  [
    'Array(Array(UUID))',
    "[['7f000001-0000-0000-0000-000000000001'], []]",
    'list<list<utf8>>',
    [['7f000001-0000-0000-0000-000000000001'], []],
  ],
  ['Map(String, UInt64)', "{'k': 9007199254740993}", 'Map<{key:Utf8, value:Uint64}>', { k: '9007199254740993' }],
  ['Tuple(a Int64, b LowCardinality(String))', "(1, 'x')", 'struct<a: int64, b: utf8>', { a: 1, b: 'x' }],
  ['Nested(x Int64)', '[1]', 'list<int64>', [1]],
  ['JSON', `'{"a": {"b": 12345678901}}'`, 'utf8', '{"a":{"b":12345678901}}'],
  ['Variant(Int64, String)', 'NULL', 'utf8', null],
  ['SimpleAggregateFunction(sum, UInt64)', '5', 'uint64', 5],
]

test('values of every type are read as they are', { skip }, async t => {
  const name = (at: number) => (cells[at]![0].startsWith('Nested') ? `c${at}.x` : `c${at}`)
  const columns = ['id UInt8', ...cells.map(([type], at) => `c${at} ${type}`)].join(', ')
  const values = ['1', ...cells.map(([, value]) => value)].join(', ')
  const table = await made(db, columns, 'MergeTree ORDER BY id', `VALUES (${values})`)
  const { source, rows } = await readAll(t, db, { table_name: table })
  for (const [at, [type, , arrow, value]] of cells.entries()) {
    const field = source.schema.fields.find(field => field.name === name(at))!
    assert.equal(nameOf(field.type), arrow, type)
    assert.deepEqual(rows[0]![name(at)], value, type)
  }
})

test('columns that the table computes are read where they are named', { skip }, async t => {
  const table = await made(
    db,
    'id UInt8, twice UInt16 MATERIALIZED id * 2, thrice UInt16 ALIAS id * 3',
    'MergeTree ORDER BY id',
    'VALUES (1)',
  )
  const all = await readAll(t, db, { table_name: table })
  assert.deepEqual(all.rows, [{ id: 1 }])
  const named = await readAll(t, db, { table_name: table, columns: 'twice', filter: 'thrice = 3' })
  assert.deepEqual(named.rows, [{ twice: 2 }])
})

test('offsets of a topic are read from integers of any type', { skip }, async () => {
  const columns = 'topic String, partition UInt16, `offset` Int64'
  const table = await made(
    db,
    columns,
    'MergeTree ORDER BY topic',
    "VALUES ('a_b', 0, 9007199254740993), ('a_b', 0, 5), ('a.b', 1, 7), ('other', 0, 9)",
  )
  const config = clickhouse.config.parse({ table_name: 'unused' })
  const asked = { table_name: table, partition_column: 'partition', offset_column: 'offset' }
  const of = (rest: { topic_column: string | null; topics: string[] }) =>
    clickhouse.offsets!(config, { ...asked, ...rest }, contextFor(db.server))
  assert.deepEqual(
    await of({ topic_column: 'topic', topics: ['a.b', 'a_b'] }),
    new Map([
      [0, 9007199254740993n],
      [1, 7n],
    ]),
  )
  assert.deepEqual(
    await of({ topic_column: null, topics: [] }),
    new Map([
      [0, 9007199254740993n],
      [1, 7n],
    ]),
  )
  assert.deepEqual(await of({ topic_column: 'topic', topics: ["it's"] }), new Map())
})

test('rows without a partition or an offset tell nothing of a topic', { skip }, async () => {
  const table = await made(
    db,
    'p Nullable(String), o Nullable(Int64)',
    'MergeTree ORDER BY tuple()',
    "VALUES ('1', 0), (NULL, 3), ('2', NULL), ('1', 12), ('1', 9), (NULL, NULL)",
  )
  const read = (name: string) => {
    const asked = { table_name: name, partition_column: 'p', offset_column: 'o', topic_column: null, topics: [] }
    return clickhouse.offsets!(clickhouse.config.parse({ table_name: 'unused' }), asked, contextFor(db.server))
  }
  assert.deepEqual(await read(table), new Map([[1, 12n]]))
  for (const [values, message] of [
    ["('', '1')", /its column p has "", which is no whole number/],
    ["('0', '')", /its column o has "", which is no whole number/],
  ] as const) {
    const wrong = await made(db, 'p String, o String', 'MergeTree ORDER BY tuple()', `VALUES ${values}`)
    await assert.rejects(read(wrong), { code: 'bad_pipeline', message })
  }
})
