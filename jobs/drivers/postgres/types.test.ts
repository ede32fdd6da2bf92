import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DataType,
  Decimal,
  Field,
  FixedSizeBinary,
  Float16,
  IntervalDayTime,
  List,
  Map_,
  Struct,
} from 'apache-arrow'
import { service } from '../../../test/support/servers.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { openPlace, valuesOf } from './harness.suite.ts'
import { literal, quote } from './names.ts'
import { columnType, misfit } from './types.ts'

const { skip, at } = service('postgres')

const field = (type: DataType | string, extension?: string) =>
  new Field(
    'c',
    typeof type === 'string' ? typeOf(type) : type,
    true,
    extension === undefined ? undefined : new Map([['ARROW:extension:name', extension]]),
  )
const wide = new FixedSizeBinary(32)
const struct = new Struct([field('utf8')])
const entries = new Struct([new Field('key', typeOf('utf8'), false), field('utf8')])

/** The map of the model, and what Postgres calls the type. */
const map: [Field, declared: string, shown: string][] = [
  [field('boolean'), 'BOOLEAN', 'boolean'],
  [field('int8'), 'SMALLINT', 'smallint'],
  [field('int16'), 'SMALLINT', 'smallint'],
  [field('int32'), 'INTEGER', 'integer'],
  [field('int64'), 'BIGINT', 'bigint'],
  [field('uint8'), 'INTEGER', 'integer'],
  [field('uint16'), 'INTEGER', 'integer'],
  [field('uint32'), 'BIGINT', 'bigint'],
  [field('uint64'), 'NUMERIC(20, 0)', 'numeric(20,0)'],
  [field(new Float16()), 'REAL', 'real'],
  [field('float32'), 'REAL', 'real'],
  [field('float64'), 'DOUBLE PRECISION', 'double precision'],
  [field('utf8'), 'TEXT', 'text'],
  [field('binary'), 'BYTEA', 'bytea'],
  [field(wide), 'BYTEA', 'bytea'],
  [field(wide, 'streamling.u256'), 'NUMERIC(78, 0)', 'numeric(78,0)'],
  [field(wide, 'streamling.i256'), 'NUMERIC(78, 0)', 'numeric(78,0)'],
  [field('decimal128(10, 2)'), 'NUMERIC(10, 2)', 'numeric(10,2)'],
  [field(new Decimal(6, 76, 256)), 'NUMERIC(76, 6)', 'numeric(76,6)'],
  [field(new Decimal(-2, 10, 128)), 'NUMERIC(12, 0)', 'numeric(12,0)'],
  [field('date32'), 'DATE', 'date'],
  [field('time64'), 'TIME', 'time without time zone'],
  [field('timestamp(ns)'), 'TIMESTAMP', 'timestamp without time zone'],
  [field('timestamp(s, UTC)'), 'TIMESTAMP', 'timestamp without time zone'],
  [field(new List(field('int32'))), 'JSONB', 'jsonb'],
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
    ['int64', 'numeric'],
    ['int64', 'smallint'],
    ['int32', 'double precision'],
    ['utf8', 'character varying(20)'],
    ['utf8', 'uuid'],
    ['utf8', 'jsonb'],
    ['utf8', 'mood'],
    ['boolean', 'text'],
    ['timestamp', 'timestamp(3) with time zone'],
    ['timestamp', 'timestamp(6) without time zone'],
    ['time64', 'time(3) without time zone'],
    ['date32', 'timestamp without time zone'],
    [struct, 'json'],
  ] as const)
    assert.equal(misfit(field(type), declared), undefined, `${type} in ${declared}`)
  for (const [type, declared, expected] of [
    ['utf8', 'integer', 'TEXT'],
    ['float64', 'bigint', 'DOUBLE PRECISION'],
    ['int64', 'double precision', 'BIGINT'],
    ['int32', 'boolean', 'INTEGER'],
    ['binary', 'text', 'BYTEA'],
    ['boolean', 'jsonb', 'BOOLEAN'],
    ['timestamp(s)', 'date', 'TIMESTAMP'],
    ['int32', 'mood', 'INTEGER'],
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
