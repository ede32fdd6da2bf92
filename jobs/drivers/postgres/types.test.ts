import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeBinary,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  IntervalDayTime,
  List,
  Map_,
  Struct,
  TimeMicrosecond,
  Timestamp,
  TimeUnit,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow'
import { service } from '../../../test/support/servers.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { openPlace, valuesOf } from './harness.suite.ts'
import { literal, quote } from './names.ts'
import { columnType, misfit } from './types.ts'

const { skip, at } = service('postgres')

const field = (type: DataType, extension?: string) =>
  new Field('c', type, true, extension === undefined ? undefined : new Map([['ARROW:extension:name', extension]]))
const wide = new FixedSizeBinary(32)
const struct = new Struct([field(new Utf8())])
const entries = new Struct([new Field('key', new Utf8(), false), field(new Utf8())])

/** The map of the model, and what Postgres calls the type. */
const map: [Field, declared: string, shown: string][] = [
  [field(new Bool()), 'BOOLEAN', 'boolean'],
  [field(new Int8()), 'SMALLINT', 'smallint'],
  [field(new Int16()), 'SMALLINT', 'smallint'],
  [field(new Int32()), 'INTEGER', 'integer'],
  [field(new Int64()), 'BIGINT', 'bigint'],
  [field(new Uint8()), 'INTEGER', 'integer'],
  [field(new Uint16()), 'INTEGER', 'integer'],
  [field(new Uint32()), 'BIGINT', 'bigint'],
  [field(new Uint64()), 'NUMERIC(20, 0)', 'numeric(20,0)'],
  [field(new Float16()), 'REAL', 'real'],
  [field(new Float32()), 'REAL', 'real'],
  [field(new Float64()), 'DOUBLE PRECISION', 'double precision'],
  [field(new Utf8()), 'TEXT', 'text'],
  [field(new Binary()), 'BYTEA', 'bytea'],
  [field(wide), 'BYTEA', 'bytea'],
  [field(wide, 'streamling.u256'), 'NUMERIC(78, 0)', 'numeric(78,0)'],
  [field(wide, 'streamling.i256'), 'NUMERIC(78, 0)', 'numeric(78,0)'],
  [field(new Decimal(2, 10, 128)), 'NUMERIC(10, 2)', 'numeric(10,2)'],
  [field(new Decimal(6, 76, 256)), 'NUMERIC(76, 6)', 'numeric(76,6)'],
  [field(new Decimal(-2, 10, 128)), 'NUMERIC(12, 0)', 'numeric(12,0)'],
  [field(new DateDay()), 'DATE', 'date'],
  [field(new TimeMicrosecond()), 'TIME', 'time without time zone'],
  [field(new Timestamp(TimeUnit.NANOSECOND)), 'TIMESTAMP', 'timestamp without time zone'],
  [field(new Timestamp(TimeUnit.SECOND, 'UTC')), 'TIMESTAMP', 'timestamp without time zone'],
  [field(new List(field(new Int32()))), 'JSONB', 'jsonb'],
  [field(struct), 'JSONB', 'jsonb'],
  [field(new Map_(new Field('entries', entries, false))), 'JSONB', 'jsonb'],
  [field(new IntervalDayTime()), 'TEXT', 'text'],
]

test('the types of columns are those of the model, and Postgres knows them', { skip }, async () => {
  await using place = await openPlace(at.POSTGRES)
  const { session, schema } = place
  assert.deepEqual(
    map.map(([given]) => columnType(given)),
    map.map(([, declared]) => declared),
  )
  await session.query(`CREATE TABLE ${schema}.t (${map.map(([, declared], n) => `c${n} ${declared}`).join(', ')})`)
  const shown = await valuesOf(
    session,
    'SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum',
    [`${schema}.t`],
  )
  assert.deepEqual(
    shown,
    map.map(([, , expected]) => expected),
  )
})

test('a column fits what is declared for it, and what holds the same values', () => {
  for (const [given, , shown] of map) assert.equal(misfit(given, shown), undefined, `${given.type} in ${shown}`)
  for (const [type, declared] of [
    [new Int64(), 'numeric'],
    [new Int64(), 'smallint'],
    [new Int32(), 'double precision'],
    [new Utf8(), 'character varying(20)'],
    [new Utf8(), 'uuid'],
    [new Utf8(), 'jsonb'],
    [new Utf8(), 'mood'],
    [new Bool(), 'text'],
    [new Timestamp(TimeUnit.MICROSECOND), 'timestamp(3) with time zone'],
    [new Timestamp(TimeUnit.MICROSECOND), 'timestamp(6) without time zone'],
    [new TimeMicrosecond(), 'time(3) without time zone'],
    [new DateDay(), 'timestamp without time zone'],
    [struct, 'json'],
  ] as const)
    assert.equal(misfit(field(type), declared), undefined, `${type} in ${declared}`)
  for (const [type, declared, expected] of [
    [new Utf8(), 'integer', 'TEXT'],
    [new Float64(), 'bigint', 'DOUBLE PRECISION'],
    [new Int64(), 'double precision', 'BIGINT'],
    [new Int32(), 'boolean', 'INTEGER'],
    [new Binary(), 'text', 'BYTEA'],
    [new Bool(), 'jsonb', 'BOOLEAN'],
    [new Timestamp(TimeUnit.SECOND), 'date', 'TIMESTAMP'],
    [new Int32(), 'mood', 'INTEGER'],
  ] as const)
    assert.equal(
      misfit(field(type), declared),
      `it is ${declared}, and the rows have ${expected}: declare it ${expected}, or cast the column`,
    )
  assert.match(misfit(field(wide, 'streamling.u256'), 'bytea')!, /^it is bytea, and the rows have NUMERIC\(78, 0\)/)
})

test('any name and any text is taken as it is', { skip }, async () => {
  await using place = await openPlace(at.POSTGRES)
  const { session } = place
  for (const name of [
    'select',
    'a"b',
    "it's",
    '\\',
    'ä😀',
    ' ',
    '$1',
    'x'.repeat(63),
    '"; drop table t; --',
    '%s',
    ':a',
  ]) {
    const { rows } = await session.query(`SELECT ${literal(name)} AS ${quote(name)}`)
    assert.deepEqual(rows, [{ [name]: name }])
    await session.query('SET standard_conforming_strings = off')
    assert.deepEqual(await valuesOf(session, `SELECT ${literal(name)}`), [name])
    await session.query('SET standard_conforming_strings = on')
  }
  for (const [name, said] of [
    ['', /"" cannot be a name in Postgres/],
    ['a\0b', /"a\\u0000b" cannot be a name/],
    ['x'.repeat(64), /has 64 bytes, and Postgres keeps 63: choose a shorter one/],
    ['ä'.repeat(32), /has 64 bytes/],
  ] as const) {
    const error = await errorOf((async () => quote(name))())
    assert.equal(error.code, 'bad_pipeline')
    assert.match(error.message, said)
  }
})
