import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import * as arrow from 'apache-arrow'
import {
  binary,
  bool,
  type Columns,
  Dictionary,
  duration,
  f32,
  f64,
  fixed,
  fragments,
  i32,
  i64,
  list,
  struct,
  type Column as TestColumn,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  uint64,
  utf8,
  words,
} from '../otap.suite.ts'
import { boolean, type Column, end, number, slot, start } from './column.ts'
import { createArrowStream } from './stream.ts'

const open = () =>
  createArrowStream({
    zstd: (bytes, size) => zstdDecompressSync(bytes, { maxOutputLength: size }),
    reserve: () => {},
  })
const first = (columns: Columns) => fragments([columns])[0]!

/** The value of a row as JavaScript has it. */
function valueAt(column: Column, row: number): unknown {
  const at = slot(column, row)
  if (at < 0) return null
  const { data, view, offsets } = column.values
  switch (column.field.type) {
    case 'bool':
      return boolean(column, row)
    case 'utf8':
      return Buffer.from(data.subarray(start(column, at), end(column, at))).toString()
    case 'binary':
    case 'fixed':
      return Uint8Array.from(data.subarray(start(column, at), end(column, at)))
    case 'float64':
      return view.getFloat64(8 * at, true)
    case 'int64':
    case 'timestamp':
    case 'duration':
      return view.getBigInt64(8 * at, true)
    case 'uint64':
      return view.getBigUint64(8 * at, true)
    case 'list':
      return Array.from({ length: offsets!.getUint32(4 * at + 4, true) - offsets!.getUint32(4 * at, true) }, (_, k) =>
        valueAt(column.children[0]!, offsets!.getUint32(4 * at, true) + k),
      )
    case 'struct':
      return Object.fromEntries(column.children.map(child => [child.field.name, valueAt(child, row)]))
    default:
      return number(column, row)
  }
}
const values = (column: Column) => Array.from({ length: column.length }, (_, row) => valueAt(column, row))

const all: [TestColumn, unknown[]][] = [
  [u8('u8', [1, null, 255]), [1, null, 255]],
  [u16('u16', [1, null, 65535]), [1, null, 65535]],
  [u32('u32', [1, null, 0xffffffff]), [1, null, 0xffffffff]],
  [i32('i32', [-1, null, 7]), [-1, null, 7]],
  [i64('i64', [-1n, null, 1n << 62n]), [-1n, null, 1n << 62n]],
  [u64('u64', [1n, null, (1n << 64n) - 1n]), [1n, null, (1n << 64n) - 1n]],
  [f64('f64', [-0.5, null, Number.NaN]), [-0.5, null, Number.NaN]],
  [bool('bool', [true, null, false]), [true, null, false]],
  [utf8('utf8', ['', null, 'grün']), ['', null, 'grün']],
  [
    binary('binary', [Uint8Array.of(0, 255), null, new Uint8Array(0)]),
    [Uint8Array.of(0, 255), null, new Uint8Array(0)],
  ],
  [
    fixed('fixed', 2, [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4)]),
    [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4)],
  ],
  [timestamp('timestamp', [1700000000000000001n, null, 0n]), [1700000000000000001n, null, 0n]],
  [duration('duration', [5n, null, -5n]), [5n, null, -5n]],
  [list('list', uint64, [[1n, 2n], null, []]), [[1n, 2n], null, []]],
  [new Dictionary(new arrow.Int64(), new arrow.Uint16()).column('dict', [5n, null, 5n]), [5n, null, 5n]],
  [
    struct('struct', [u8('a', [1, 2, 3]), words().column('b', ['x', null, 'x'])], [true, true, true]),
    [
      { a: 1, b: 'x' },
      { a: 2, b: null },
      { a: 3, b: 'x' },
    ],
  ],
]

for (const compression of [null, 'lz4', 'zstd'] as const)
  test(`a batch has the values that another writer wrote, with ${compression ?? 'no'} compression`, () => {
    const [bytes] = fragments([all.map(([column]) => column)], compression)
    const batch = open().read(bytes!)!
    assert.equal(batch.rows, 3)
    assert.deepEqual(
      batch.columns.map(column => [column.field.name, values(column)]),
      all.map(([{ field }, expected]) => [field.name, expected]),
    )
  })

test('an empty batch has columns without rows', () => {
  const batch = open().read(first([u8('u8', []), utf8('utf8', []), words().column('dict', [])]))!
  assert.equal(batch.rows, 0)
  assert.deepEqual(batch.columns.map(values), [[], [], []])
})

test('the metadata of a field says how its ids are packed', () => {
  const { columns } = open().read(first([u16('a', [1], 'delta'), u16('b', [1])]))!
  assert.deepEqual(
    columns.map(({ field }) => field.encoding),
    ['delta', null],
  )
})

test('dictionaries grow by deltas from message to message, and are replaced', () => {
  const dictionary = words()
  const messages = [['a', 'b'], ['b', 'a'], ['c', 'a', 'dd'], ['e']]
  const batches = messages.map(texts => [dictionary.column('w', texts)])
  dictionary.replaced()
  const replaced = [dictionary.column('w', ['z', 'e'])]
  const stream = open()
  const read = fragments([...batches, replaced]).map(bytes => values(stream.read(bytes)!.columns[0]!))
  assert.deepEqual(read, [...messages, ['z', 'e']])
})

test('dictionaries outlive the bytes that they came in', () => {
  const dictionary = words()
  const [a, b] = fragments([[dictionary.column('w', ['kept'])], [dictionary.column('w', ['kept'])]])
  const stream = open()
  stream.read(a!)
  a!.fill(0xee)
  assert.deepEqual(values(stream.read(b!)!.columns[0]!), ['kept'])
  assert.ok(stream.size() > 0)
})

test('a schema in the middle begins the stream anew, an end of stream between does not hinder', () => {
  const stream = open()
  stream.read(first([words().column('w', ['a'])]))
  const end = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
  assert.equal(stream.read(end), null)
  assert.deepEqual(values(stream.read(first([u8('n', [7])]))!.columns[0]!), [7])
})

test('what a stream cannot be read from is refused by name', () => {
  const good = first([utf8('a', ['x'])])
  const dictionary = words()
  const [, later] = fragments([[dictionary.column('w', ['x'])], [dictionary.column('w', ['x'])]])
  const cases: [Uint8Array, RegExp][] = [
    [later!, /does not begin with a schema/],
    [good.subarray(4), /byte 0 begins no message/],
    [good.subarray(0, good.length - 8), /ends behind its payload/],
    [first([f32('a', [1])]), /column a: a type \(Arrow's number 3\) that OTAP does not use/],
    [Buffer.concat([good, good.subarray(lengthOfSchema(good))]), /more than one record batch/],
  ]
  for (const [bytes, expected] of cases) assert.throws(() => open().read(bytes), expected)
})

test('a key that is not in its dictionary is refused where it is read', () => {
  const column = words().column('w', ['x', 'y'])
  const bytes = first([column])
  // the last buffer of the batch holds the keys 0 and 1, padded
  const keys = bytes.length - 64 <= 0 ? 0 : bytes.lastIndexOf(1)
  bytes[keys] = 9
  const { columns } = open().read(bytes)!
  assert.throws(() => values(columns[0]!), /column w: key 9 of a dictionary of 2 values/)
})

test('buffers that inflate to more than is left are refused before they are inflated', () => {
  const [bytes] = fragments([[utf8('a', ['x'.repeat(10_000)])]], 'zstd')
  let asked = 0
  const stream = createArrowStream({
    zstd: () => assert.fail('it was inflated'),
    reserve: size => {
      asked += size
      if (asked > 5000) throw new RangeError('too much')
    },
  })
  assert.throws(() => stream.read(bytes!), /too much/)
  assert.throws(
    () => createArrowStream({ zstd: undefined, reserve: () => {} }).read(bytes!),
    /compressed with zstd are not read/,
  )
})

test('one changed byte anywhere gives a batch or a refusal, never work without end', () => {
  const dictionary = words()
  const bytes = first([
    u16('id', [1, null, 3]),
    dictionary.column('w', ['a', 'b', 'a']),
    list('l', uint64, [[1n], [], [2n]]),
  ])
  for (let at = 0; at < bytes.length; at++)
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const changed = bytes.slice()
      changed[at] = value
      try {
        for (const column of open().read(changed)?.columns ?? []) values(column)
      } catch (error) {
        assert.ok(error instanceof RangeError || /no number of up to 32/.test(String(error)), String(error))
      }
    }
})

function lengthOfSchema(bytes: Uint8Array): number {
  return 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true)
}
