import assert from 'node:assert/strict'
import { test } from 'node:test'
import { argsOf } from './describe.ts'
import { quote, tableName } from './names.ts'
import { parseType, readableType, splitTop } from './types.ts'

test('types are read as what Arrow has for them, at every depth', () => {
  for (const [given, read] of [
    ['Int64', 'Int64'],
    ['LowCardinality(Nullable(String))', 'Nullable(String)'],
    ["Nullable(DateTime('Europe/Berlin'))", "Nullable(DateTime64(0, 'UTC'))"],
    ["DateTime64(4, 'Asia/Tokyo')", "DateTime64(6, 'UTC')"],
    ['Decimal(38, 9)', 'Decimal(38, 9)'],
    ['Decimal(76, 9)', 'String'],
    ["Enum8('a, b' = 1, 'it\\'s (' = 2)", 'String'],
    ['Array(Tuple(a Date, `b c` UInt256))', 'Array(Tuple(a Date32, `b c` String))'],
    ['Map(LowCardinality(String), Array(IPv4))', 'Map(String, Array(String))'],
    ['Nested(x Int64, y UUID)', 'Array(Tuple(x Int64, y String))'],
    ['SimpleAggregateFunction(sum, UInt64)', 'UInt64'],
    ['Tuple(Int64, String)', 'Tuple(Int64, String)'],
    ['JSON(a Int64)', 'String'],
    ['Variant(Int64, String)', 'Nullable(String)'],
    ['FixedString(16)', 'FixedString(16)'],
  ] as const)
    assert.equal(readableType(parseType(given)), read)
  assert.throws(() => readableType(parseType('AggregateFunction(sum, UInt64)')), { code: 'bad_pipeline' })
})

test('lists are split outside of parentheses and quotes', () => {
  assert.deepEqual(splitTop("a, f(b, c), 'x, \\', y', `d, e`"), ['a', 'f(b, c)', "'x, \\', y'", '`d, e`'])
  assert.deepEqual(splitTop(''), [])
})

test('an engine is asked for its columns', () => {
  assert.deepEqual(argsOf('ReplacingMergeTree(v, del) PARTITION BY a ORDER BY (a, b)'), ['v', 'del'])
  assert.deepEqual(argsOf("ReplicatedReplacingMergeTree('/t/{shard}', '{replica}', `v \\` x`) ORDER BY a"), ['v ` x'])
  assert.deepEqual(argsOf('MergeTree ORDER BY (a, b)'), [])
  assert.deepEqual(argsOf('ReplacingMergeTree() ORDER BY a'), [])
})

test('names are quoted, and a table may name its database', () => {
  assert.equal(quote('a`b\\'), '`a\\`b\\\\`')
  assert.deepEqual(tableName('t', 'd'), { database: 'd', table: 't' })
  assert.deepEqual(tableName('e.t.u', 'd'), { database: 'e', table: 't.u' })
})
