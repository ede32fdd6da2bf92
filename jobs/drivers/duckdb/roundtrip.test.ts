import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  LargeUtf8,
  List,
  Map_,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeMillisecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { openDuckDb } from './instance.ts'

const texts = ['', 'a', 'twelve bytes', 'thirteen byte', 'grüße, 世界 👋', 'x'.repeat(5000), '\u0000nul', null]
const words = (...values: bigint[]) => values.map(value => decimalWords(value))

function decimalWords(value: bigint): Uint32Array {
  const bits = BigInt.asUintN(128, value)
  return Uint32Array.from([0n, 32n, 64n, 96n], shift => Number((bits >> shift) & 0xffffffffn))
}

/** A type, and values of it that repeat over the rows. */
const kinds: Record<string, [type: DataType, values: readonly unknown[]]> = {
  bool: [new Bool(), [true, false, null]],
  int8: [new Int8(), [-128, 127, null, 0]],
  int16: [new Int16(), [-32768, 32767, null]],
  int32: [new Int32(), [-(2 ** 31), 2 ** 31 - 1, null]],
  int64: [new Int64(), [-(2n ** 63n), 2n ** 63n - 1n, null]],
  uint8: [new Uint8(), [0, 255, null]],
  uint16: [new Uint16(), [0, 65535, null]],
  uint32: [new Uint32(), [0, 2 ** 32 - 1, null]],
  uint64: [new Uint64(), [0n, 2n ** 64n - 1n, null]],
  float32: [new Float32(), [0.5, -1.25, Number.POSITIVE_INFINITY, null]],
  float64: [new Float64(), [0.1, Number.NaN, -0, Number.MAX_VALUE, null]],
  'decimal of 2 bytes': [new Decimal(2, 4, 128), [...words(-9999n, 9999n), null]],
  'decimal of 4 bytes': [new Decimal(3, 9, 128), [...words(-999999999n, 5n), null]],
  'decimal of 8 bytes': [new Decimal(0, 18, 128), [...words(-999999999999999999n, 4294967296n), null]],
  'decimal of 16 bytes': [new Decimal(10, 38, 128), [...words(-(10n ** 38n) + 1n, 10n ** 38n - 1n), null]],
  text: [new Utf8(), texts],
  blob: [new Binary(), [new Uint8Array(0), Uint8Array.of(255, 0, 254), new Uint8Array(13).fill(200), null]],
  date: [new DateDay(), [0, 86_400_000 * -365, null]],
  time: [new TimeMicrosecond(), [0n, 86_399_999_999n, null]],
  seconds: [new TimestampSecond(), [0, 1_700_000_000_000, null]],
  milliseconds: [new TimestampMillisecond(), [0, -1, null]],
  microseconds: [new TimestampMicrosecond(), [1_700_000_000_000, null]],
  nanoseconds: [new TimestampNanosecond(), [1_700_000_000_000, null]],
  'with time zone': [new TimestampMicrosecond('UTC'), [1_700_000_000_000, null]],
  list: [new List(new Field('item', new Int32(), true)), [[1, null, 3], [], null, [4]]],
  'list of texts': [new List(new Field('item', new Utf8(), true)), [texts, null, []]],
  'list of lists': [
    new List(new Field('item', new List(new Field('item', new Int64(), true)), true)),
    [[[1n], [], null, [2n, null]], null, []],
  ],
  struct: [
    new Struct([new Field('n', new Int32(), true), new Field('it"s', new Utf8(), true)]),
    [{ n: 1, 'it"s': 'a longer text than twelve' }, null, { n: null, 'it"s': null }],
  ],
  'list of structs': [
    new List(new Field('item', new Struct([new Field('a', new Bool(), true)]), true)),
    [[{ a: true }, null, { a: null }], null],
  ],
}

function batchOf(column: Vector, name = 'v'): RecordBatch {
  const schema = new Schema([new Field(name, column.type, true)])
  const data = makeData({
    type: new Struct(schema.fields),
    length: column.length,
    nullCount: 0,
    children: [...column.data],
  })
  return new RecordBatch(schema, data)
}

const cycle = (values: readonly unknown[], rows: number) =>
  Array.from({ length: rows }, (_, row) => values[row % values.length])

const show = (batch: RecordBatch | undefined) =>
  Array.from({ length: batch?.numRows ?? 0 }, (_, row) => plain(batch!.getChildAt(0)!.get(row)))

function plain(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return Object.is(value, -0) ? '-0' : value
  if (value instanceof Uint8Array || value instanceof Uint32Array) return [...value]
  // Rows of Arrow are proxies that own up to their columns only
  if ('toJSON' in value || typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const json = (value as { toJSON(): unknown }).toJSON()
    if (Array.isArray(json)) return json.map(plain)
    return Object.fromEntries(Object.entries(json as object).map(([key, inner]) => [key, plain(inner)]))
  }
  return value
}

for (const [name, [type, values]] of Object.entries(kinds))
  test(`${name}: what goes in comes out, with its nulls, at every size of a chunk and from slices`, async t => {
    const db = await openDuckDb()
    t.after(() => db.close())
    for (const rows of [0, 1, 2, 2047, 2048, 2049, 5000]) {
      const whole = batchOf(vectorFromArray(cycle(values, rows), type))
      for (const batch of [whole, whole.slice(1), whole.slice(13, rows - 5), whole.slice(2050)]) {
        await db.createTable('t', batch.schema)
        await db.append('t', batch)
        const read = await db.query('select * from t')
        assert.deepEqual(show(read), show(batch), `${rows} rows`)
        if (read !== undefined) assert.equal(String(read.schema.fields[0]!.type), String(type))
      }
    }
  })

test('types that DuckDB has in another form are taken, too', async t => {
  const db = await openDuckDb()
  t.after(() => db.close())
  const taken: [DataType, unknown[], unknown[]][] = [
    [new LargeUtf8(), ['a', null, 'thirteen byte'], ['a', null, 'thirteen byte']],
    [new FixedSizeBinary(3), [Uint8Array.of(1, 2, 3), null], [[1, 2, 3], null]],
    [new FixedSizeList(2, new Field('item', new Int32(), true)), [[1, 2], null, [3, null]], [[1, 2], null, [3, null]]],
    [new Dictionary(new Utf8(), new Int32()), ['red', 'blue', null, 'red'], ['red', 'blue', null, 'red']],
    [new Null(), [null, null], [null, null]],
    [new TimeMillisecond(), [1, null], [1000n, null]],
    [new DateMillisecond(), [86_400_001, null], [86_400_001, null]],
    [new TimestampNanosecond('UTC'), [-1, null], [-1, null]],
  ]
  for (const [type, given, expected] of taken) {
    const whole = batchOf(vectorFromArray([given[0], ...given], type))
    await db.createTable('t', whole.schema)
    await db.append('t', whole.slice(1))
    assert.deepEqual(show(await db.query('select * from t')), expected, String(type))
  }
})

test('maps keep their entries', async t => {
  const db = await openDuckDb()
  t.after(() => db.close())
  const made = await db.query(
    `select map{'a': i, 'a key of many bytes': null} as m from range(3000) t(i) union all select null`,
  )
  const part = made!.slice(100, 3001)
  assert.ok(part.schema.fields[0]!.type instanceof Map_)
  await db.createTable('t', part.schema)
  await db.append('t', part)
  assert.deepEqual(show(await db.query('select * from t')), show(part))
  assert.deepEqual(await db.rows(`select count(*) as n, sum(m['a'])::bigint as s from t`), [
    { n: 2901n, s: 4_493_550n },
  ])
})

test('a hundred thousand rows keep their order through table, query and stream', async t => {
  const db = await openDuckDb()
  t.after(() => db.close())
  const made = await db.query(
    `select i, case when i % 7 > 0 then 'row number ' || i end as s, [i, null]::bigint[] l from range(100000) t(i)`,
  )
  await db.createTable('t', made!.schema)
  await db.append('t', made!)
  let next = 0
  for await (const batch of db.stream('select * from t', { rows: 10_001 })) {
    assert.equal(batch.numRows, Math.min(10_001, 100_000 - next))
    for (const row of [0, batch.numRows - 1]) {
      const at = next + row
      assert.equal(batch.getChildAt(0)!.get(row), BigInt(at))
      assert.equal(batch.getChildAt(1)!.get(row), at % 7 > 0 ? `row number ${at}` : null)
      assert.deepEqual(plain(batch.getChildAt(2)!.get(row)), [BigInt(at), null])
    }
    next += batch.numRows
  }
  assert.equal(next, 100_000)
})

test('any mixture of texts, numbers and lists of them comes back (property)', async t => {
  const db = await openDuckDb()
  t.after(() => db.close())
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constant(null))
  const row = fc.record({ s: text, n: fc.option(fc.maxSafeInteger()), l: fc.option(fc.array(text, { maxLength: 5 })) })
  const type = new Struct([
    new Field('s', new Utf8(), true),
    new Field('n', new Float64(), true),
    new Field('l', new List(new Field('item', new Utf8(), true)), true),
  ])
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(row), { maxLength: 60 }), fc.nat(70), async (rows, from) => {
      const batch = batchOf(vectorFromArray(rows, type)).slice(from)
      await db.createTable('t', batch.schema)
      await db.append('t', batch)
      assert.deepEqual(show(await db.query('select * from t')), show(batch))
    }),
    { numRuns: 100 },
  )
})
