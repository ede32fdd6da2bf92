import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import fc from 'fast-check'
import { batchOf, batchOfRows, type Row } from '../../../runtime/batch/build.ts'
import { rowsOf } from '../../../runtime/batch/rows.ts'
import { typeOf } from '../../../runtime/batch/types.ts'
import { createColumn } from './columns.ts'
import { createNdjsonParser, unquoteJson } from './ndjson.ts'
import { createRows } from './rows.ts'
import { NULL, parseExact, TEXT } from './values.ts'

const types = [
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint32',
  'uint64',
  'float32',
  'float64',
  'boolean',
  'utf8',
  'date32',
  'timestamp(us)',
  'timestamp(ms)',
  'timestamp(us, UTC)',
  'decimal128(20, 3)',
  'binary',
  'list<int64>',
  'time64',
] as const

const number = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => JSON.stringify(value)),
  fc.tuple(fc.integer(), fc.nat({ max: 999_999_999 })).map(([whole, part]) => `${whole}.${part}`),
  fc.constantFrom(
    '-0',
    '0',
    '1e3',
    '1E-2',
    '12345678901234567890',
    '0.1',
    '-9223372036854775808',
    '9223372036854775807',
    '1.0',
  ),
)
const times = fc.oneof(
  fc
    .date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') })
    .map(date => date.toISOString()),
  fc
    .tuple(
      fc.integer({ min: 1800, max: 2200 }),
      fc.nat({ max: 14 }),
      fc.nat({ max: 33 }),
      fc.nat({ max: 25 }),
      fc.nat({ max: 61 }),
      fc.nat({ max: 61 }),
      fc.constantFrom('', '.5', '.123456', '.1234567', '.x'),
      fc.constantFrom('', 'Z', '+02:00', 'z', ' '),
      fc.constantFrom('T', ' ', 't'),
    )
    .map(([year, month, day, hour, minute, second, part, zone, between]) => {
      const two = (value: number) => String(value).padStart(2, '0')
      return `${year}-${two(month)}-${two(day)}${between}${two(hour)}:${two(minute)}:${two(second)}${part}${zone}`
    }),
  fc.constantFrom(
    '2024-02-29',
    '2023-02-29',
    '1900-02-29',
    '2000-02-29',
    '2024-13-01',
    '2024-1-1',
    '0000-01-01',
    '9999-12-31',
  ),
)
const text = fc.oneof(
  times,
  number,
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('true', 'TRUE', 'false', '', ' 5 ', '+5', '007', '.5', '5.', 'AQID'),
)
const value = fc.oneof(
  number,
  text.map(of => JSON.stringify(of)),
  fc.constantFrom('true', 'false', 'null', '{"x":[1]}', '[1,2]', '[]', '"\\ud800"', '"a\\n"'),
)

test('a value becomes what the coercion of batches makes of it, and is refused where that refuses it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.array(value, { minLength: 1, maxLength: 20 }), (type, values) => {
      // TRUE is a boolean in files, which JSON does not say
      if (type === 'boolean') values = values.filter(of => of !== '"TRUE"')
      const schema = new Schema([new Field('v', typeOf(type), true)])
      const isText = type === 'utf8'
      const rows = createRows(schema, 64, unquoteJson)
      const refused: number[] = []
      const parser = createNdjsonParser({
        names: ['v'],
        rows,
        dead: line => refused.push(line - 1),
        ignored: () => {},
        maxRow: 1e6,
      })
      const bytes = Buffer.from(values.map(of => `{"v":${of}}\n`).join(''))
      assert.equal(parser.parse(bytes, 0, bytes.length, true), bytes.length)
      // digits beyond a double are exact in files: they come to the coercion as text or bigint
      const expected = batchOfRows(
        schema,
        values.map(of => ({ v: rawOf(of, isText, type) }) as Row),
      )
      assert.deepEqual(
        refused,
        expected.refused.map(({ row }) => row),
      )
      const batch = rows.count > 0 ? rows.take() : undefined
      assert.deepEqual(batch && rowsOf(batch), expected.batch && rowsOf(expected.batch))
    }),
    { numRuns: 3000 },
  )
})

function rawOf(of: string, isText: boolean, type: string): unknown {
  if (isText && !of.startsWith('"') && of !== 'null') return of
  const exact = parseExact(of)
  const digitsCount = /int|decimal/.test(type) && !type.startsWith('list')
  return typeof exact === 'number' && digitsCount && !Number.isSafeInteger(exact) ? of : exact
}

test('a row that is put again leaves nothing behind', () => {
  for (const type of types) {
    const column = createColumn(typeOf(type), 16, unquoteJson)
    const fits: Record<string, string> = {
      boolean: 'true',
      date32: '2024-01-01',
      'list<int64>': '[1]',
      time64: '01:02:03',
      binary: 'AQID',
    }
    const good = Buffer.from(fits[type] ?? (type.startsWith('timestamp') ? '2024-01-01T00:00:00' : '7'))
    column.put(0, good, 0, good.length, TEXT)
    column.put(0, good, 0, 0, NULL)
    column.put(1, good, 0, good.length, TEXT)
    column.put(2, good, 0, good.length, TEXT)
    const data = column.take(2)
    assert.equal(data.nullCount, 1, type)
    const schema = new Schema([new Field('v', typeOf(type), true)])
    const [first, second] = rowsOf(batchOf(schema, [data], 2))
    assert.equal(first!.v, null, type)
    assert.notEqual(second!.v, null, type)
  }
})
