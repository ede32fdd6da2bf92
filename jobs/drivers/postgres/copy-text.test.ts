import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DataType,
  DateMillisecond,
  Decimal,
  Field,
  FixedSizeBinary,
  Int32,
  Int64,
  List,
  Schema,
  Struct,
  TimeNanosecond,
  Timestamp,
  TimeUnit,
  Utf8,
} from 'apache-arrow'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { batchOf, dataOf } from '../../runtime/batch/build.ts'
import type { Cell } from '../../runtime/batch/coerce.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { copyColumns, copyText } from './copy-text.ts'
import { openPlace } from './harness.suite.ts'
import { quoteList } from './names.ts'
import { columnType } from './types.ts'

const { skip, at } = service('postgres')
const runs = Number(process.env.MILLRACE_PG_RUNS ?? 25)

/** A type, values of it, what Postgres says of a column of it, and what it should say. */
interface Case {
  field: Field
  cells: fc.Arbitrary<Cell>
  read: string
  expected(cell: NonNullable<Cell>): string
}

const plain = (
  type: DataType | string,
  cells: fc.Arbitrary<Cell>,
  read = 'c::text',
  expected = String as Case['expected'],
): Case => ({
  field: new Field('c', typeof type === 'string' ? typeOf(type) : type, true),
  cells,
  read,
  expected,
})
const whole = (min: number, max: number) => fc.integer({ min, max })
const big = (min: bigint, max: bigint) => fc.bigInt({ min, max })
const text = fc.oneof(
  fc.string({ unit: 'binary' }).map(value => value.replaceAll('\0', '')),
  fc.constantFrom('', '\\N', '\\.', '\\', '\t', '\n', '\r', '\r\n', '\b\f\v', 'a\tb\\tc\n', '😀\\', '\u2028'),
)
const bytesOf = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map(bytes => bytes as Cell)
const hex = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString('hex')
const micros = 'round(extract(epoch FROM c) * 1000000)::bigint::text'
const float = (value: unknown): string => (Object.is(value, -0) ? '-0' : String(value))

/** years -4712, which Postgres begins with, to 294,000; in the last ones `extract` rounds */
const [firstMicro, lastMicro] = [-210_866_803_200_000_000n, 9_215_570_000_000_000_000n]
const time = (unit: TimeUnit, perMicro: [bigint, bigint]) =>
  plain(
    new Timestamp(unit, unit === TimeUnit.SECOND ? 'UTC' : null),
    big((firstMicro * perMicro[0]) / perMicro[1], bound(lastMicro * perMicro[0]) / perMicro[1]).map(
      value => bound(value) as Cell,
    ),
    micros,
    value => String(floorDivide((value as bigint) * perMicro[1], perMicro[0])),
  )
const bound = (value: bigint) => (value > 2n ** 63n - 1n ? 2n ** 63n - 1n : value < -(2n ** 63n) ? -(2n ** 63n) : value)
const floorDivide = (a: bigint, b: bigint) => (a >= 0n ? a / b : -((-a + b - 1n) / b))

function scaled(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`}`
}
const decimal = (scale: number, precision: number, width: number) =>
  plain(
    new Decimal(scale, precision, width),
    fc.oneof(big(-(10n ** BigInt(precision)) + 1n, 10n ** BigInt(precision) - 1n), big(-99n, 99n)),
    'c::text',
    value => scaled(value as bigint, scale),
  )

const marked = (name: string, read: (bytes: Uint8Array) => bigint): Case => ({
  field: new Field('c', new FixedSizeBinary(32), true, new Map([['ARROW:extension:name', name]])),
  cells: bytesOf(32, 32),
  read: 'c::text',
  expected: value => String(read(value as Uint8Array)),
})

const cases: Case[] = [
  plain('boolean', fc.boolean()),
  plain('int8', whole(-128, 127)),
  plain('int16', whole(-32_768, 32_767)),
  plain('int32', whole(-(2 ** 31), 2 ** 31 - 1)),
  plain('int64', fc.oneof(big(-(2n ** 63n), 2n ** 63n - 1n), big(-(2n ** 54n), 2n ** 54n), big(-999n, 999n))),
  plain('uint8', whole(0, 255)),
  plain('uint16', whole(0, 65_535)),
  plain('uint32', whole(0, 2 ** 32 - 1)),
  plain('uint64', fc.oneof(big(0n, 2n ** 64n - 1n), big(2n ** 53n - 2n, 2n ** 53n + 2n))),
  plain('float64', fc.double(), 'c::text', float),
  plain('float32', fc.float(), 'c::text', float),
  plain('utf8', text, 'c'),
  plain('binary', bytesOf(0, 60), "encode(c, 'hex')", hex),
  plain(new FixedSizeBinary(5), bytesOf(5, 5), "encode(c, 'hex')", hex),
  marked('streamling.u256', bytes => BigInt(`0x${hex(bytes)}`)),
  marked('streamling.i256', bytes => BigInt.asIntN(256, BigInt(`0x${hex(bytes)}`))),
  decimal(2, 10, 128),
  decimal(0, 38, 128),
  decimal(38, 38, 128),
  decimal(10, 76, 256),
  plain('date32', whole(-2_440_588, 105_000_000), "(c - DATE '1970-01-01')::text"),
  plain(
    new DateMillisecond(),
    big(-200_000n, 20_000_000n).map(days => (days * 86_400_000n) as Cell),
    "(c - DATE '1970-01-01')::text",
    ms => String((ms as bigint) / 86_400_000n),
  ),
  plain('time64', big(0n, 86_400_000_000n), micros),
  plain(new TimeNanosecond(), big(0n, 86_400_000_000_000n), micros, ns => String((ns as bigint) / 1000n)),
  time(TimeUnit.SECOND, [1n, 1_000_000n]),
  time(TimeUnit.MILLISECOND, [1n, 1000n]),
  time(TimeUnit.MICROSECOND, [1n, 1n]),
  time(TimeUnit.NANOSECOND, [1000n, 1n]),
]

for (const { field, cells, read, expected } of cases)
  test(
    `every ${field.metadata.get('ARROW:extension:name') ?? field.type} comes back from Postgres`,
    { skip },
    async () => {
      await using place = await openPlace(at.POSTGRES)
      const { session } = place
      const declared = columnType(field)
      await session.query(`CREATE TEMP TABLE t (n INTEGER, c ${declared})`)
      const schema = new Schema([new Field('n', new Int32(), false), field])
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.option(cells, { nil: null }), { minLength: 1, maxLength: 200 }),
          fc.boolean(),
          async (values, small) => {
            const columns = [
              dataOf(
                new Int32(),
                values.map((_, row) => row),
              ),
              dataOf(field.type, values),
            ]
            const batch = batchOf(schema, columns, values.length)
            const copy = session.copyIn('COPY t (c, n) FROM STDIN')
            for (const chunk of copyText(copyColumns(batch, ['c', 'n']), values.length, small ? 64 : 1e6))
              await copy.write(chunk)
            assert.equal(await copy.end(), values.length)
            const { rows } = await session.query<{ v: string | null }>(`SELECT ${read} AS v FROM t ORDER BY n`)
            await session.query('TRUNCATE t')
            const normal = /^(REAL|DOUBLE)/.test(declared) ? single(declared) : (said: string) => said
            assert.deepEqual(
              rows.map(({ v }) => v && normal(v)),
              values.map(value => (value === null ? null : normal(expected(value)))),
            )
          },
        ),
        { numRuns: runs },
      )
    },
  )

/** Two texts of one number are the same. */
const single = (declared: string) => (said: string) =>
  float(declared === 'REAL' ? Math.fround(Number(said)) : Number(said))

test('lists and structs become JSON, whatever text they hold', { skip }, async () => {
  await using place = await openPlace(at.POSTGRES)
  const { session } = place
  const schema = new Schema([
    new Field('list', new List(new Field('item', new Utf8(), true)), true),
    new Field('struct', new Struct([new Field('a"\\', new Int64(), true)]), true),
  ])
  const lists = [['a\tb', null, '\\N', '"\n'], [], null]
  const batch = batchOf(
    schema,
    [dataOf(schema.fields[0]!.type, lists), dataOf(schema.fields[1]!.type, [[2n ** 62n + 1n], [null], null])],
    3,
  )
  await session.query(`CREATE TEMP TABLE t (${schema.fields.map(field => `${field.name} ${columnType(field)}`)})`)
  const copy = session.copyIn(`COPY t (${quoteList(['list', 'struct'])}) FROM STDIN`)
  for (const chunk of copyText(copyColumns(batch, ['list', 'struct']), 3)) await copy.write(chunk)
  await copy.end()
  const { rows } = await session.query<{ list: string; struct: string }>('SELECT list::text, struct::text FROM t')
  assert.deepEqual(
    rows.map(({ list }) => list && JSON.parse(list)),
    lists,
  )
  assert.deepEqual(
    rows.map(({ struct }) => struct),
    ['{"a\\"\\\\": 4611686018427387905}', '{"a\\"\\\\": null}', null],
  )
})

test('a row is written the same whether it stands in a small chunk or a large one', () => {
  const values = Array.from({ length: 3000 }, (_, row) => `${'x'.repeat(row % 97)}\t`)
  const schema = new Schema([new Field('c', new Utf8(), false)])
  const columns = copyColumns(batchOf(schema, [dataOf(new Utf8(), values)], values.length), ['c'])
  const whole = Buffer.concat([...copyText(columns, values.length, 1e9)])
  for (const size of [1, 100, 10_000]) {
    const chunks = [...copyText(columns, values.length, size)]
    assert.ok(Buffer.concat(chunks).equals(whole))
  }
  assert.equal(whole.toString(), values.map(value => `${value.slice(0, -1)}\\t\n`).join(''))
})
