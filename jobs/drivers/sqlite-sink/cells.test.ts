import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqlite } from '../../sinks/sqlite/sqlite.ts'
import { batchOf, execute, openSink, query } from './harness.suite.ts'

/** What becomes of a value of each type, in a table that the sink makes and in one of the user's. */
async function stored(t: TestContext, type: string, values: readonly unknown[], declared?: string) {
  const path = join(tempFolder(t), 'out.db')
  if (declared !== undefined) execute(path, `create table t (v ${declared})`)
  const types = { v: type }
  const { sink, context } = await openSink(t, sqlite, { path, table: 't' }, streamOf(types))
  await sink.begin()
  await sink.write(batchOf(types, values.map(v => ({ v })) as never), 1)
  await sink.commit(checkpoint(1))
  const rows = query(path, 'select v, typeof(v) as kind from t order by rowid')
  return {
    values: rows.map(row => row.v),
    kinds: [...new Set(rows.map(row => row.kind))],
    warnings: context.warnings,
    dead: context.deadRows,
  }
}

const cases: readonly [
  type: string,
  values: readonly unknown[],
  kinds: readonly string[],
  stored?: readonly unknown[],
][] = [
  ['int8', [-128, 127, null], ['integer', 'null']],
  ['uint32', [0, 4294967295], ['integer']],
  ['int64', [0, -1, 2 ** 53, -(2 ** 53)], ['integer'], [0, -1, 9007199254740992n, -9007199254740992n]],
  [
    'int64',
    ['9223372036854775807', '-9223372036854775808', '9007199254740993', '-9007199254740993', '-4294967297'],
    ['integer'],
    [9223372036854775807n, -9223372036854775808n, 9007199254740993n, -9007199254740993n, -4294967297],
  ],
  ['uint64', ['9223372036854775807', 5], ['integer'], [9223372036854775807n, 5]],
  ['uint64', ['9223372036854775808', '18446744073709551615'], ['text']],
  ['boolean', [true, false, null], ['integer', 'null'], [1, 0, null]],
  ['float64', [1.5, -0.1, 5, 1e300, Number.POSITIVE_INFINITY], ['real']],
  ['float32', [0.5], ['real']],
  ['utf8', ['', 'plain', '007', '1e3', 'grüße 🎈', 'nul \u0000 inside', null], ['text', 'null']],
  [
    'decimal128(38, 9)',
    ['12345678901234567890123456789.123456789', '-0.000000001', '0'],
    ['text'],
    ['12345678901234567890123456789.123456789', '-0.000000001', '0.000000000'],
  ],
  ['date32', ['2024-02-29', '0001-01-01', '1969-12-31'], ['text']],
  ['time64', ['23:59:59.000001'], ['text']],
  [
    'timestamp(us, UTC)',
    ['2024-02-29T12:00:00Z', '1969-12-31T23:59:59.999999Z', '0001-01-01T00:00:00Z'],
    ['text'],
    ['2024-02-29 12:00:00.000000', '1969-12-31 23:59:59.999999', '0001-01-01 00:00:00.000000'],
  ],
  ['timestamp(s)', ['2024-02-29T12:34:56'], ['text'], ['2024-02-29 12:34:56.000000']],
  ['timestamp(ms)', ['2024-02-29T12:34:56.789'], ['text'], ['2024-02-29 12:34:56.789000']],
  ['timestamp(ns)', ['2024-02-29T12:34:56.123456789'], ['text'], ['2024-02-29 12:34:56.123456789']],
  ['list<int64>', [[1, null, 3], []], ['text'], ['[1,null,3]', '[]']],
]
for (const [type, values, kinds, wanted = values] of cases)
  test(`${type} keeps ${JSON.stringify(values)}`, async t => {
    const result = await stored(t, type, values)
    assert.deepEqual(result.values, wanted)
    assert.deepEqual(result.kinds, kinds)
  })

test('years beyond four digits have a sign and six', async t => {
  const micros = [253402300800000000n, -62198755200000000n, 9223372036854775807n]
  const { values } = await stored(t, 'timestamp(us)', micros)
  assert.deepEqual(values, [
    '+010000-01-01 00:00:00.000000',
    '-000001-01-01 00:00:00.000000',
    '+294247-01-10 04:00:54.775807',
  ])
  const far = await stored(t, 'timestamp(s)', [8640000086400n, -8640000086400n])
  assert.deepEqual(far.values, ['+275760-09-14 00:00:00.000000', '-271821-04-19 00:00:00.000000'])
})

test('bytes are stored as they are', async t => {
  const { values, kinds } = await stored(t, 'binary', [Buffer.from([0, 255, 1]), Buffer.alloc(0)])
  assert.deepEqual(values, [Buffer.from([0, 255, 1]), Buffer.alloc(0)])
  assert.deepEqual(kinds, ['blob'])
})

test('NaN becomes null, and that is said once', async t => {
  const { values, warnings } = await stored(t, 'float64', [Number.NaN, 1, Number.NaN])
  assert.deepEqual(values, [null, 1, null])
  assert.deepEqual(
    warnings.filter(text => text.includes('NaN')),
    ['column "v" has NaN, which SQLite stores as null'],
  )
})

test('times in an integer column are microseconds since 1970', async t => {
  const { values } = await stored(
    t,
    'timestamp(ms, UTC)',
    ['1970-01-01T00:00:01.5Z', '1969-12-31T23:59:59.999Z'],
    'integer',
  )
  assert.deepEqual(values, [1_500_000, -1000])
})

test('a column without a type, and text in a column of numbers that is text anyway, are kept', async t => {
  assert.deepEqual((await stored(t, 'uint64', ['18446744073709551615', 3], '')).values, ['18446744073709551615', 3])
  assert.deepEqual((await stored(t, 'timestamp', ['2024-01-01T00:00:00'], 'datetime')).values, [
    '2024-01-01 00:00:00.000000',
  ])
  assert.deepEqual((await stored(t, 'list<int64>', [[1]], 'json')).values, ['[1]'])
})

test('a number that an integer column would round becomes a dead letter', async t => {
  const { values, dead } = await stored(t, 'uint64', ['18446744073709551615', 3], 'integer')
  assert.deepEqual(values, [3])
  assert.match(dead[0]!.message, /column "v": 18446744073709551615 is above 9223372036854775807/)
})
