import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Int32, List, Schema } from 'apache-arrow'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { batchOf, dataOf } from '../../runtime/batch/build.ts'
import type { Cell } from '../../runtime/batch/coerce.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { createAppender, createLast } from './appenders.ts'
import { createBinaryReader } from './copy-binary.ts'
import { copyColumns, copyText } from './copy-text.ts'
import { openPlace } from './harness.suite.ts'
import { readType } from './read-types.ts'
import type { PgSession } from './session.ts'

const { skip, at } = service('postgres')
const runs = Number(process.env.MILLRACE_PG_RUNS ?? 25)

const big = (min: bigint, max: bigint) => fc.bigInt({ min, max })
const whole = (min: number, max: number) => fc.integer({ min, max })
const below = (digits: number) => big(-(10n ** BigInt(digits)) + 1n, 10n ** BigInt(digits) - 1n)
const decimals = (precision: number) => fc.oneof(below(precision), below(Math.min(precision, 16)), below(1))

/** Arrow type, declared in Postgres, values. */
const cases: [string, string, fc.Arbitrary<Cell>][] = [
  ['boolean', 'boolean', fc.boolean()],
  ['int16', 'smallint', whole(-32_768, 32_767)],
  ['int32', 'integer', whole(-(2 ** 31), 2 ** 31 - 1)],
  ['int64', 'bigint', big(-(2n ** 63n), 2n ** 63n - 1n)],
  ['float32', 'real', fc.float()],
  ['float64', 'double precision', fc.double()],
  ['utf8', 'text', fc.string({ unit: 'binary' }).map(value => value.replaceAll('\0', ''))],
  ['utf8', 'numeric', big(-(10n ** 60n), 10n ** 60n).map(value => `${value}.5`)],
  ['utf8', 'uuid', fc.uuid()],
  ['binary', 'bytea', fc.uint8Array({ maxLength: 60 }).map(bytes => bytes as Cell)],
  ['date32', 'date', whole(-2_440_588, 100_000_000)],
  ['time64', 'time', big(0n, 86_400_000_000n)],
  ['timestamp', 'timestamp', big(-210_866_803_200_000_000n, 9_215_570_000_000_000_000n)],
  ['timestamp(us, UTC)', 'timestamptz', big(-(10n ** 16n), 10n ** 16n)],
  ['decimal128(10, 2)', 'numeric(10,2)', decimals(10)],
  ['decimal128(38, 0)', 'numeric(38)', decimals(38)],
  ['decimal128(38, 20)', 'numeric(38,20)', decimals(38)],
  ['decimal128(18, 9)', 'numeric(18,9)', decimals(18)],
  ['decimal128(38, 38)', 'numeric(38,38)', decimals(38)],
]

/** Where the catalog says what the column is. */
async function readTypeOf(session: PgSession, table: string) {
  const { rows } = await session.query<{ name: string; modifier: number }>(
    `SELECT typname AS name, atttypmod AS modifier FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
     WHERE attrelid = to_regclass($1) AND attname = 'c'`,
    [table],
  )
  return readType(rows[0]!)
}

/** All of the column, with its bytes in pieces of `size`. */
async function readBack(session: PgSession, table: string, size: number) {
  const { type, asText } = await readTypeOf(session, table)
  const [values, last] = [createAppender('c', type), createLast()]
  const reader = createBinaryReader([values, last])
  const chunks: Buffer[] = []
  const column = asText ? 'c::text' : 'c'
  for await (const chunk of session.copyOut(
    `COPY (SELECT ${column}, n::text FROM ${table} AS t ORDER BY t.n) TO STDOUT (FORMAT binary)`,
  ))
    chunks.push(chunk)
  const all = Buffer.concat(chunks)
  for (let from = 0; from < all.length; from += size) reader.push(all.subarray(from, from + size))
  const rows = reader.finish()
  const schema = new Schema([new Field('c', type, true)])
  return { batch: batchOf(schema, [values.finish()], rows), last: last.text, type }
}

for (const [name, declared, cells] of cases) {
  const type = typeOf(name)
  test(`every ${declared} is read as ${type}`, { skip }, async () => {
    await using place = await openPlace(at.POSTGRES)
    const { session } = place
    await session.query(`CREATE TEMP TABLE t (n INTEGER, c ${declared})`)
    const schema = new Schema([new Field('n', new Int32(), false), new Field('c', type, true)])
    const list = fc.array(fc.option(cells, { nil: null }), { minLength: 1, maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(list, fc.constantFrom(1, 7, 100, 1e6), fc.constantFrom(1, 30), async (some, size, times) => {
        const values = Array.from({ length: times }, () => some).flat()
        const numbers = values.map((_, row) => row)
        const batch = batchOf(schema, [dataOf(new Int32(), numbers), dataOf(type, values)], values.length)
        const copy = session.copyIn('COPY t FROM STDIN')
        for (const chunk of copyText(copyColumns(batch, ['n', 'c']), values.length)) await copy.write(chunk)
        await copy.end()
        const read = await readBack(session, 't', size)
        await session.query('TRUNCATE t')
        assert.equal(String(read.type), String(type))
        const given = batchOf(new Schema([schema.fields[1]!]), [batch.data.children[1]!], values.length)
        assert.deepEqual(jsonLines(read.batch), jsonLines(given))
        assert.equal(read.last, String(values.length - 1))
      }),
      { numRuns: runs },
    )
  })
}

test('arrays are lists, and one of several dimensions is refused', { skip }, async () => {
  await using place = await openPlace(at.POSTGRES)
  const { session } = place
  await session.query(
    `CREATE TEMP TABLE t (n SERIAL, c TEXT[]); INSERT INTO t (c) VALUES ('{a,NULL,"b,\\"c"}'), (NULL), ('{}')`,
  )
  const { batch, type } = await readBack(session, 't', 5)
  assert.ok(type instanceof List)
  assert.deepEqual(jsonLines(batch), ['{"c":["a",null,"b,\\"c"]}', '{"c":null}', '{"c":[]}'])
  await session.query(`INSERT INTO t (c) VALUES ('{{a},{b}}')`)
  const { code, message } = await errorOf(readBack(session, 't', 1000))
  assert.deepEqual(
    [code, message],
    ['bad_data', 'column "c": an array has 2 dimensions: leave such rows out with `filter`'],
  )
})

const late = 'a timestamp is after 294247-01-10 04:00:54.775807, the last that 64 bits of microseconds hold'
for (const [declared, value, said] of [
  ['timestamptz', "'infinity'", 'a timestamp is infinite'],
  ['timestamp', "'-infinity'", 'a timestamp is infinite'],
  ['timestamptz', "'294276-12-31 23:59:59.999999+00'", late],
  ['timestamp', "'294247-01-10 04:00:54.775808'", late],
  ['date', "'infinity'", 'a date is infinite'],
  ['numeric(5,2)', "'NaN'", 'a number is NaN or infinite'],
] as const)
  test(`${value} as ${declared} is an error, and no other value`, { skip }, async () => {
    await using place = await openPlace(at.POSTGRES)
    const { session } = place
    await session.query(`CREATE TEMP TABLE t (n SERIAL, c ${declared}); INSERT INTO t (c) VALUES (${value})`)
    const { code, message } = await errorOf(readBack(session, 't', 1000))
    assert.deepEqual([code, message], ['bad_data', `column "c": ${said}: leave such rows out with \`filter\``])
  })

test('the last timestamp that 64 bits hold is read as it is', { skip }, async () => {
  await using place = await openPlace(at.POSTGRES)
  const { session } = place
  await session.query(
    `CREATE TEMP TABLE t (n SERIAL, c TIMESTAMP); INSERT INTO t (c) VALUES ('294247-01-10 04:00:54.775807')`,
  )
  const { batch } = await readBack(session, 't', 1000)
  assert.equal((batch.data.children[0]!.values as BigInt64Array)[0], 2n ** 63n - 1n)
})

test('bytes that are no COPY, or end too early, are an error', async () => {
  const reader = () => createBinaryReader([createAppender('c', new Int32())])
  const head = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
  const row = Buffer.from([0, 1, 0, 0, 0, 4, 0, 0, 0, 9])
  const read = async (...parts: Buffer[]) => {
    const made = reader()
    for (const part of parts) made.push(part)
    return made.finish()
  }
  assert.equal(await read(head, row, Buffer.from([255, 255])), 1)
  for (const [code, ...parts] of [
    ['unavailable'],
    ['unavailable', head, row],
    ['unavailable', head, row.subarray(0, 7)],
    ['unavailable', head, Buffer.from([255, 255, 0])],
    ['internal', Buffer.alloc(30)],
    ['internal', head, Buffer.from([0, 2, 0, 0])],
    ['bad_data', head, Buffer.from([0, 1, 0, 0, 0, 2, 0, 9, 255, 255])],
  ] as [string, ...Buffer[]][])
    assert.equal((await errorOf(read(...parts))).code, code)
})
