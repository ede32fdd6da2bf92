import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DataType, Field, Schema, TimeNanosecond } from 'apache-arrow'
import { batchOfRows, emptyBatch } from '../../runtime/batch/build.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { nameOf, typeOf } from '../../runtime/batch/types.ts'
import type { DeadRow } from '../../runtime/contract.ts'
import { createAlign } from './align.ts'

const schemaOf = (type: string | DataType, nullable = true) =>
  new Schema([new Field('v', typeof type === 'string' ? typeOf(type) : type, nullable)])

/** Values that came through, as JSON text, and the messages of the others. */
function cast(from: string | DataType, to: Schema, values: readonly (string | number | bigint | null)[]) {
  const given = schemaOf(from)
  const { batch, refused } = batchOfRows(
    given,
    values.map(v => ({ v })),
  )
  assert.deepEqual(refused, [])
  const dead: DeadRow[] = []
  const aligned = createAlign(given, to, row => void dead.push(row))(batch!)
  assert.equal(aligned.numRows + dead.length, values.length)
  assert.deepEqual(aligned.schema.fields, to.fields)
  return { kept: jsonLines(aligned).map(line => line.slice(5, -1)), dead: dead.map(({ message }) => message) }
}

/** from, to, values that stay (and as what, where it looks otherwise), values that would be changed */
const casts: readonly (readonly [string | DataType, string, Record<string, string>, readonly string[]])[] = [
  ['decimal128(20, 4)', 'decimal128(20, 2)', { '1.23': '1.23', '-7.1': '-7.10' }, ['1.2345', '0.0001']],
  ['decimal128(20, 4)', 'int8', { '-128': '-128' }, ['128', '0.5']],
  ['decimal128(38, 0)', 'int64', { '9223372036854775807': '9223372036854775807' }, ['9223372036854775808']],
  ['decimal128(38, 10)', 'float64', { '0.1': '0.1', '-2.5': '-2.5' }, ['1234567890.123456789', '9007199254740993']],
  ['decimal128(38, 0)', 'float64', { '1152921504606846976': '1152921504606847000' }, ['1152921504606846977']],
  ['decimal128(10, 2)', 'float32', { '0.1': '0.10000000149011612' }, ['16777217', '1234567.89']],
  ['int64', 'float64', { '-9007199254740992': '-9007199254740992' }, ['9007199254740993', '1152921504606847000']],
  ['int64', 'float32', { '16777216': '16777216' }, ['16777217', '123456790']],
  ['uint64', 'int64', { '9223372036854775807': '9223372036854775807' }, ['9223372036854775808']],
  ['int64', 'decimal128(20, 4)', { '9007199254740993': '9007199254740993.0000' }, ['9223372036854775807']],
  ['int64', 'utf8', { '9007199254740993': '"9007199254740993"' }, []],
  ['decimal128(20, 4)', 'utf8', { '1.2345': '"1.2345"' }, []],
  ['float32', 'float64', { '0.5': '0.5', NaN: '"NaN"', '-inf': '"-Infinity"' }, []],
  [
    'utf8',
    'float64',
    {
      '0.1': '0.1',
      ' +1.50 ': '1.5',
      '1e23': '1e+23',
      '5e-324': '5e-324',
      '0e9': '0',
      '-inf': '"-Infinity"',
      nan: '"NaN"',
    },
    ['1.0000000000000000000000000001', '9007199254740993', '1e400', '-1e-400', '0.30000000000000001', 'x', ''],
  ],
  ['utf8', 'float32', { '0.1': '0.10000000149011612', '3.4028235e38': '3.4028234663852886e+38' }, ['16777217', '1e39']],
  [
    'utf8',
    'date32',
    { '2024-01-31': '"2024-01-31"', '2024-01-31T00:00:00Z': '"2024-01-31"' },
    ['2024-01-31T12:00:00Z'],
  ],
  [
    'utf8',
    'timestamp(us, UTC)',
    { '2024-01-31T00:00:00.1234560000': '"2024-01-31T00:00:00.123456Z"' },
    ['2024-01-31T00:00:00.1234567', '2024-01-31T00:00:00.1234560001'],
  ],
  ['utf8', 'time64', { '12:00:00.5': '"12:00:00.5"' }, ['12:00:00.1234567']],
  [new TimeNanosecond(), 'time64', { '12:00:00.000001': '"12:00:00.000001"' }, ['12:00:00.000000001']],
  [
    'timestamp(s)',
    'timestamp(us, UTC)',
    { '1700000000': '"2023-11-14T22:13:20Z"', '8640000000001': '"8640000000001000000"' },
    ['9300000000000'],
  ],
  [
    'timestamp(ns)',
    'timestamp(ms)',
    { '2024-01-31T00:00:00.5': '"2024-01-31T00:00:00.5"' },
    ['2024-01-31T00:00:00.0000001'],
  ],
  ['date32', 'timestamp(ns)', { '2024-01-31': '"2024-01-31T00:00:00"' }, ['9999-01-01']],
]
for (const [from, to, good, bad] of casts)
  test(`${typeof from === 'string' ? from : String(from)} as ${to} is exact, or a dead letter`, () => {
    const target = schemaOf(to)
    const { kept, dead } = cast(from, target, [...Object.keys(good), null, ...bad])
    assert.deepEqual(kept, [...Object.values(good), 'null'])
    assert.equal(dead.length, bad.length)
    for (const message of dead) assert.match(message, /^column "v": .*(does not fit|is no) \w+/)
    assert.ok(dead.every(message => message.includes(nameOf(typeOf(to)))))
  })

test('batches without rows, or of which no row is left, have the columns of the whole', () => {
  const [given, to] = [schemaOf('utf8'), schemaOf('int64')]
  const dead: DeadRow[] = []
  const align = createAlign(given, to, row => void dead.push(row))
  const { batch } = batchOfRows(given, [{ v: 'x' }])
  for (const none of [align(batch!), align(emptyBatch(given))]) {
    assert.equal(none.numRows, 0)
    assert.equal(nameOf(none.data.children[0]!.type), 'int64')
  }
  assert.deepEqual(dead, [{ code: 'bad_row', message: 'column "v": "x" is no int64', row: { v: 'x' } }])
})

test('a null where there must be a value is a dead letter', () => {
  const { kept, dead } = cast('int32', schemaOf('int64', false), [1, null])
  assert.deepEqual(kept, ['1'])
  assert.deepEqual(dead, ['column "v": null, and it must have a value'])
})
