import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import fc from 'fast-check'
import { batchOfRows, type Row } from './build.ts'
import { parseExact } from './exact.ts'
import { jsonLines, rowsOf } from './rows.ts'
import { byteLength, concat, latestPerKey, opsOf, take } from './select.ts'
import { nameOf, OP, typeOf, withOp } from './types.ts'

const schemaOf = (columns: Record<string, string>) =>
  new Schema(Object.entries(columns).map(([name, type]) => new Field(name, typeOf(type), true)))

const build = (columns: Record<string, string>, rows: readonly Row[]) => {
  const { batch, refused } = batchOfRows(schemaOf(columns), rows)
  assert.deepEqual(refused, [])
  return batch!
}

test('a type has a name that gives the type again', () => {
  for (const name of ['boolean', 'int64', 'uint8', 'float32', 'utf8', 'binary', 'date32', 'time64'])
    assert.equal(nameOf(typeOf(name)), name)
  for (const name of ['timestamp(ns, UTC)', 'timestamp(ms)', 'decimal128(12, 3)', 'list<list<int32>>'])
    assert.equal(nameOf(typeOf(name)), name)
  assert.equal(nameOf(typeOf('BigInt')), 'int64')
  assert.equal(nameOf(typeOf('Timestamp(Microsecond, None)')), 'timestamp(us)')
})

test('an unknown type is refused with the known ones', () => {
  for (const name of ['int65', '', 'list<', 'decimal128(39, 1)', 'timestamp(us, Europe/Berlin)', 'constructor'])
    assert.throws(() => typeOf(name), /there is no type .*write one of boolean, int8/)
})

test('numbers are exact, also those that a double cannot hold', () => {
  const batch = build({ a: 'int64', b: 'uint64', c: 'decimal128(38, 2)', d: 'float64' }, [
    { a: '-9223372036854775808', b: 18446744073709551615n, c: '123456789012345678901234567890.12', d: 0.1 },
    { a: 7, b: '1e3', c: 1.5, d: 'NaN' },
  ])
  assert.deepEqual(jsonLines(batch), [
    '{"a":-9223372036854775808,"b":18446744073709551615,"c":123456789012345678901234567890.12,"d":0.1}',
    '{"a":7,"b":1000,"c":1.50,"d":"NaN"}',
  ])
  assert.deepEqual(rowsOf(batch), [
    { a: '-9223372036854775808', b: '18446744073709551615', c: '123456789012345678901234567890.12', d: 0.1 },
    { a: 7, b: 1000, c: '1.50', d: 'NaN' },
  ])
})

test('times keep their unit, before 1970 too', () => {
  const batch = build({ t: 'timestamp(ns, UTC)', u: 'timestamp', d: 'date32', c: 'time64' }, [
    { t: '1969-12-31T23:59:59.999999999Z', u: '2026-02-28 12:00:00.5', d: '1969-12-31', c: '23:59:59.000001' },
    { t: '2026-01-01T00:00:00+02:00', u: 1_767_225_600_000_000, d: '2024-02-29', c: '00:00' },
  ])
  assert.deepEqual(rowsOf(batch), [
    { t: '1969-12-31T23:59:59.999999999Z', u: '2026-02-28T12:00:00.5', d: '1969-12-31', c: '23:59:59.000001' },
    { t: '2025-12-31T22:00:00Z', u: '2026-01-01T00:00:00', d: '2024-02-29', c: '00:00:00' },
  ])
})

test('a row that does not fit is refused with column, value and type, and the others stay', () => {
  const columns = { id: 'int32', at: 'timestamp(ms)', price: 'decimal128(5, 2)' }
  const { batch, refused } = batchOfRows(schemaOf(columns), [
    { id: 1 },
    { id: 3_000_000_000 },
    { id: 2.5 },
    { at: '2026-02-30T00:00:00Z' },
    { at: '2026-01-01T00:00:00.0001Z' },
    { price: '1.234' },
    { price: '12345' },
    { id: 2 },
  ])
  assert.deepEqual(
    rowsOf(batch!).map(row => row.id),
    [1, 2],
  )
  assert.deepEqual(
    refused.map(({ row, message }) => `${row}: ${message}`),
    [
      '1: column "id": 3000000000 is no int32',
      '2: column "id": 2.5 is no int32',
      '3: column "at": "2026-02-30T00:00:00Z" is no timestamp(ms)',
      '4: column "at": "2026-01-01T00:00:00.0001Z" is no timestamp(ms)',
      '5: column "price": "1.234" is no decimal128(5, 2)',
      '6: column "price": "12345" is no decimal128(5, 2)',
    ],
  )
})

test('a number that does not fit its type is refused, also in JSON text', () => {
  const columns = {
    list: 'list<decimal128(20, 3)>',
    whole: 'list<int64>',
    f: 'float64',
    t: 'timestamp(ns)',
    c: 'time64',
  }
  const good = { list: '[12345678901234567.125]', whole: '[9007199254740993, 1e3]', f: '-Infinity', t: 2n ** 63n - 1n }
  const bad = [
    { list: '[0.0625]' },
    { whole: '[9007199254740993.5]' },
    { f: '1e400' },
    { f: 10n ** 400n },
    { t: 2n ** 63n },
    { c: 2n ** 63n },
  ]
  const { batch, refused } = batchOfRows(schemaOf(columns), [good, ...bad])
  assert.deepEqual(jsonLines(batch!), [
    '{"list":[12345678901234567.125],"whole":[9007199254740993,1000],"f":"-Infinity","t":"2262-04-11T23:47:16.854775807","c":null}',
  ])
  assert.deepEqual(
    refused.map(({ row }) => row),
    bad.map((_, at) => at + 1),
  )
})

test('numbers of parseExact have all their digits where they go, and are no bytes or objects', () => {
  const parsed = parseExact('{"a":1e400,"b":[12345678901234567890.5,1.50]}') as Row
  const { batch } = batchOfRows(schemaOf({ a: 'utf8', b: 'utf8' }), [parsed])
  assert.deepEqual(rowsOf(batch!), [{ a: '1e400', b: '[12345678901234567890.5,1.5]' }])
  for (const type of ['binary', 'boolean', 'date32', 'list<int64>', 'float64'])
    assert.equal(batchOfRows(schemaOf({ a: type }), [parsed]).refused.length, 1, type)
})

test('a column called __proto__ is a column', () => {
  const batch = build({ ['__proto__']: 'int32' }, [JSON.parse('{"__proto__":5}') as Row])
  assert.deepEqual(jsonLines(batch), ['{"__proto__":5}'])
  assert.equal(Object.getOwnPropertyDescriptor(rowsOf(batch)[0], '__proto__')?.value, 5)
  assert.equal(({} as Record<string, unknown>)[5], undefined)
})

test('_gs_op says what became of a row; without it all are inserts', () => {
  const schema = withOp(schemaOf({ id: 'int32' }))
  assert.equal(withOp(schema), schema)
  const rows = ['i', 'u', 'd'].map((op, id) => ({ id, [OP]: op }))
  assert.deepEqual(opsOf(batchOfRows(schema, rows).batch!), ['i', 'u', 'd'])
  assert.deepEqual(opsOf(build({ id: 'int32' }, [{ id: 1 }, { id: 2 }])), ['i', 'i'])
})

test('the last row of a key is kept, in the order of the last ones', () => {
  const rows = [1, 2, 1, null, 3, null].map((id, at) => ({ id, at }))
  const latest = latestPerKey(build({ id: 'int32', at: 'int32' }, rows), ['id'])
  assert.deepEqual(
    rowsOf(latest).map(({ id, at }) => [id, at]),
    [
      [2, 1],
      [1, 2],
      [3, 4],
      [null, 5],
    ],
  )
})

const columns = {
  flag: 'boolean',
  small: 'int8',
  big: 'int64',
  float: 'float64',
  text: 'utf8',
  bytes: 'binary',
  price: 'decimal128(20, 4)',
  at: 'timestamp(us, UTC)',
  list: 'list<utf8>',
  nested: 'list<list<int32>>',
}
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary)
const row = fc.record({
  flag: nullable(fc.boolean()),
  small: nullable(fc.integer({ min: -128, max: 127 })),
  big: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  float: nullable(fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => (value === 0 ? 0 : value))),
  text: nullable(fc.string({ unit: 'binary' }).filter(text => text.isWellFormed())),
  bytes: nullable(fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes).toString('base64'))),
  price: nullable(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }).map(whole => `${whole}.0000`)),
  at: nullable(
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2200-01-01') }).map(date => date.toISOString()),
  ),
  list: nullable(fc.array(nullable(fc.string({ unit: 'grapheme' })), { maxLength: 4 })),
  nested: nullable(fc.array(nullable(fc.array(nullable(fc.integer()), { maxLength: 3 })), { maxLength: 3 })),
})

test('taking, joining and slicing batches gives the rows that arrays would give', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 40 }), fc.array(fc.nat(), { minLength: 1 }), (rows, picks) => {
      const batch = build(columns, rows)
      const plain = rowsOf(batch)
      plain.forEach((given, at) => {
        assert.equal(given.text, rows[at]!.text)
        assert.equal(given.bytes, rows[at]!.bytes)
        assert.deepEqual(given.nested, rows[at]!.nested)
        assert.equal(given.big === null ? null : String(given.big), rows[at]!.big)
      })
      const indices = picks.map(pick => pick % rows.length)
      assert.deepEqual(
        rowsOf(take(batch, indices)),
        indices.map(at => plain[at]!),
      )
      const middle = picks[0]! % rows.length
      const [head, tail] = [batch.slice(0, middle), batch.slice(middle)]
      assert.deepEqual([...rowsOf(head), ...rowsOf(tail)], plain)
      assert.deepEqual(rowsOf(concat([tail, head, tail])), [
        ...plain.slice(middle),
        ...plain.slice(0, middle),
        ...plain.slice(middle),
      ])
      assert.deepEqual(rowsOf(take(tail, [tail.numRows - 1])), plain.slice(-1))
      assert.deepEqual(
        jsonLines(batch).map(line => JSON.parse(line).text),
        plain.map(({ text }) => text),
      )
      assert.ok(byteLength(tail) <= byteLength(batch))
    }),
    { numRuns: 200 },
  )
})

test('text keeps a byte order mark, wherever it is', () => {
  const schema = new Schema([new Field('t', typeOf('utf8'), true)])
  const { batch } = batchOfRows(schema, [{ t: '\ufeffa' }, { t: '\ufeff' }])
  assert.deepEqual(rowsOf(batch!), [{ t: '\ufeffa' }, { t: '\ufeff' }])
})
