import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Writer } from '../wire/writer.ts'
import { createArrowStream } from './arrow/stream.ts'
import { readAttributes } from './attributes.ts'
import { childrenOf, groupByParent, idsOf } from './ids.ts'
import { type Columns, f64, fragments, i64, u8, u16, u32, utf8, words } from './otap.suite.ts'
import { createTable, type Table } from './table.ts'

/** The table as it arrives in a message. */
function tableOf(columns: Columns): Table {
  const stream = createArrowStream({ zstd: undefined, reserve: () => {} })
  return createTable('LOG_ATTRS', stream.read(fragments([columns])[0]!)!)
}

/** How many attributes each of the parents 0 to 9 has. */
function attributeCounts(columns: Columns): number[] {
  const attributes = readAttributes(tableOf(columns))
  return Array.from({ length: 10 }, (_, parent) => {
    const writer = new Writer(1 << 16)
    attributes(writer, 1, parent)
    let count = 0
    const bytes = writer.finish()
    for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]!) count++
    return count
  })
}
const counts = (...parents: number[]) => Array.from({ length: 10 }, (_, p) => parents.filter(k => k === p).length)
const parentsOf = (columns: Columns, ...equal: string[]) => {
  const table = tableOf(columns)
  const children = childrenOf(
    table,
    equal.map(name => table.column(name, 'utf8', 'fixed', 'int64', 'float64')),
  )
  const parents: number[] = []
  for (let parent = 0; parent < 10; parent++)
    for (let row = children.first(parent); row >= 0; row = children.next[row]!) parents[row] = parent
  return parents
}

test('ids are sums of differences, without the nulls (specification 6.4.2)', () => {
  const ids = (values: (number | null)[], encoding?: 'plain' | 'delta') => {
    return [...idsOf(tableOf([u16('id', values, encoding)]), 'id')!]
  }
  assert.deepEqual(ids([0, 0, 1, 0, 0, 1, 1]), [0, 0, 1, 1, 1, 2, 3])
  assert.deepEqual(ids([3, null, 1, null], 'delta'), [3, -1, 4, -1])
  assert.deepEqual(ids([3, null, 1, 3], 'plain'), [3, -1, 1, 3])
})

test('sums of ids wrap at the width of their column', () => {
  assert.deepEqual([...idsOf(tableOf([u16('id', [65535, 2])]), 'id')!], [65535, 1])
  assert.deepEqual([...idsOf(tableOf([u32('id', [0xffffffff, 2])]), 'id')!], [0xffffffff, 1])
})

test('a table without ids has none', () => {
  assert.equal(idsOf(tableOf([utf8('name', ['a'])]), 'id'), null)
})

test('attributes of the same type, key and value hold their parents as differences (6.4.3)', () => {
  const columns = [
    u16('parent_id', [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    u8('type', [1, 1, 1, 1, 1, 1, 1, 1, 2, 2]),
    utf8('key', ['k1', 'k1', 'k1', 'k1', 'k1', 'k2', 'k2', 'k2', 'k2', 'k2']),
    utf8('str', ['v1', 'v1', 'v1', 'v2', 'v2', 'v2', 'v2', 'v2', null, null]),
    i64('int', [null, null, null, null, null, null, null, null, 1n, 1n]),
  ]
  assert.deepEqual(attributeCounts(columns), counts(1, 2, 3, 1, 2, 1, 2, 3, 1, 2))
})

test('the same holds where keys, values and parents stand in dictionaries', () => {
  const columns = [
    words().column('key', ['k', 'k', 'k', 'l']),
    u8('type', [1, 1, 1, 1]),
    words().column('str', ['a', 'a', 'b', 'b']),
    u32('parent_id', [1, 4, 2, 3], 'quasidelta'),
  ]
  assert.deepEqual(attributeCounts(columns), counts(1, 5, 2, 3))
})

test('parents of empty values, maps and arrays are never differences, nor those that are said to be plain', () => {
  const parents = [2, 2, 2, 2, 2, 2]
  const key = utf8('key', ['k', 'k', 'k', 'k', 'k', 'k'])
  assert.deepEqual(
    attributeCounts([u16('parent_id', parents), u8('type', [0, 0, 5, 5, 6, 6]), key]),
    counts(2, 2, 2, 2, 2, 2),
  )
  const str = utf8('str', ['v', 'v', 'v', 'v', 'v', 'v'])
  assert.deepEqual(
    attributeCounts([u16('parent_id', parents, 'plain'), u8('type', [1, 1, 1, 1, 1, 1]), key, str]),
    counts(2, 2, 2, 2, 2, 2),
  )
})

test('where the encoding is named, values are the same bit for bit and nulls are not; else as Go compares', () => {
  const columns = (encoding: 'quasidelta' | undefined, values: (number | null)[]) => [
    u16('parent_id', [1, 1], encoding),
    u8('type', [3, 3]),
    utf8('key', ['k', 'k']),
    f64('double', values),
  ]
  assert.deepEqual(attributeCounts(columns(undefined, [Number.NaN, Number.NaN])), counts(1, 1))
  assert.deepEqual(attributeCounts(columns('quasidelta', [Number.NaN, Number.NaN])), counts(1, 2))
  assert.deepEqual(attributeCounts(columns(undefined, [0, -0])), counts(1, 2))
  assert.deepEqual(attributeCounts(columns('quasidelta', [0, -0])), counts(1, 1))
  assert.deepEqual(attributeCounts(columns(undefined, [null, null])), counts(1, 2))
  assert.deepEqual(attributeCounts(columns('quasidelta', [null, null])), counts(1, 1))
})

test('parents of events are differences where the name is that of the row before', () => {
  const columns = [u16('parent_id', [0, 1, 1, 2, 0, 3]), utf8('name', ['a', 'a', 'a', 'a', 'b', 'b'])]
  assert.deepEqual(parentsOf(columns, 'name'), [0, 1, 2, 4, 0, 3])
})

test('parents of exemplars are differences where both values are, nulls included', () => {
  const columns = [
    f64('double_value', [null, null, null, 1, 1, 2]),
    i64('int_value', [1n, 1n, 2n, null, null, null]),
    u32('parent_id', [0, 1, 1, 1, 1, 1]),
  ]
  assert.deepEqual(parentsOf(columns, 'int_value', 'double_value'), [0, 1, 1, 1, 2, 1])
})

test('a table that lacks what its parents are compared by holds plain differences', () => {
  assert.deepEqual(parentsOf([u16('parent_id', [1, 1, 0, 2])], 'trace_id'), [1, 2, 2, 4])
})

test('children come in their order, for ids that count up and for ids that jump', () => {
  for (const far of [7, 4_000_000_000]) {
    const children = groupByParent(Float64Array.of(far, 0, far, far))
    const rows: number[] = []
    for (let row = children.first(far); row >= 0; row = children.next[row]!) rows.push(row)
    assert.deepEqual(rows, [0, 2, 3])
    assert.equal(children.first(0), 1)
    assert.equal(children.next[1], -1)
    for (const none of [1, -1, far + 1]) assert.equal(children.first(none), -1)
  }
})

test('a parent that is null is refused', () => {
  const columns = [u16('parent_id', [null]), u8('type', [1]), utf8('key', ['k'])]
  assert.throws(() => attributeCounts(columns), /column parent_id is null in row 0/)
})
