import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import {
  columnsOf,
  connectSink,
  execute,
  open,
  query,
  tempSchema,
  watchedAt,
} from '../../drivers/postgres-sink/harness.suite.ts'
import { batchOf, checkSink } from '../../drivers/sqlite-sink/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgres } from './postgres.ts'

/** Tables that are there before the sink is, and columns that come up later. */

const { skip, at } = service('postgres')
const url = at.POSTGRES
type Types = Readonly<Record<string, string>>
const types: Types = { id: 'int64', name: 'utf8' }

/** A schema in which the statements ran. */
async function made(t: TestContext, sql: string): Promise<string> {
  const schema = tempSchema(t, url)
  await execute(url, `create schema ${schema}; set search_path to ${schema}; ${sql}`)
  return schema
}
test("a user's table is used as it is", { skip }, async t => {
  const schema = await made(
    t,
    `create table t (at text default 'now', id bigint primary key, name varchar(20) default 'none',
       n bigint generated always as (id * 2) stored, own bigint generated always as identity);
     insert into t (id, name, at) values (1, 'old', 'then')`,
  )
  const { sink } = await open(t, url, postgres, { schema, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(
    batchOf(types, [
      { id: 1, name: 'new' },
      { id: 2, name: 'b' },
    ]),
    1,
  )
  await sink.commit(checkpoint(1))
  assert.deepEqual(await query(url, `select id, name, at, n from ${schema}.t order by id`), [
    { id: 1, name: 'new', at: 'then', n: 2 },
    { id: 2, name: 'b', at: 'now', n: 4 },
  ])
})

test(
  'text goes into columns of any type that has a form as text, and what is no such form is a dead letter',
  { skip },
  async t => {
    const schema = await made(
      t,
      `create type mood as enum ('good', 'bad'); create domain short as text check (length(value) < 4);
     create table t (id uuid primary key, doc jsonb, m mood, at inet, s short, v varchar(3))`,
    )
    const shape = { id: 'utf8', doc: 'utf8', m: 'utf8', at: 'utf8', s: 'utf8', v: 'utf8' }
    const { sink, context } = await open(t, url, postgres, { schema, table: 't', primary_key: 'id' }, streamOf(shape))
    const good = { doc: '{"a": 1.50}', m: 'good', at: '10.0.0.1', s: 'abc', v: 'abc' }
    const id = (n: number) => `00000000-0000-0000-0000-00000000000${n}`
    await sink.begin()
    const rows = [
      good,
      { ...good, doc: '{' },
      { ...good, m: 'ugly' },
      { ...good, at: '10.0.0' },
      { ...good, s: 'abcd' },
      { ...good, v: 'abcd' },
      good,
    ].map((row, n) => ({ id: id(n), ...row }))
    await sink.write(batchOf(shape, rows), 1)
    await sink.commit(checkpoint(1))
    assert.deepEqual(
      (await query(url, `select id from ${schema}.t order by id`)).map(row => row.id),
      [id(0), id(6)],
    )
    assert.deepEqual(
      context.deadRows.map(({ message }) => /column "(\w+)"/.exec(message)?.[1] ?? message),
      ['doc', 'm', 'at', 's', 'v'],
    )
  },
)

test('values of each type are stored as they are', { skip }, async t => {
  const shape = {
    id: 'int64',
    small: 'int8',
    wide: 'uint64',
    real: 'float32',
    double: 'float64',
    yes: 'boolean',
    bytes: 'binary',
    cost: 'decimal128(30, 5)',
    day: 'date32',
    at: 'timestamp(us, UTC)',
    clock: 'time64',
    tags: 'list<utf8>',
  }
  const row = {
    id: '-9223372036854775808',
    small: -128,
    wide: '18446744073709551615',
    real: 1.5,
    double: 5e-324,
    yes: true,
    bytes: new Uint8Array([0, 255, 92]),
    cost: '-1234567890123456789012345.00001',
    day: '0044-03-15',
    at: '2024-02-29T12:00:00.000001Z',
    clock: '23:59:59.999999',
    tags: ['a"b', '\\', null],
  }
  const schema = tempSchema(t, url)
  const { sink } = await open(t, url, postgres, { schema, table: 't', primary_key: 'id' }, streamOf(shape))
  await sink.begin()
  await sink.write(batchOf(shape, [row, { id: 1 }]), 1)
  await sink.commit(checkpoint(1))
  const [stored, empty] = await query(url, `select * from ${schema}.t order by id`)
  assert.deepEqual(
    { ...stored, tags: JSON.parse(stored!.tags as string) },
    { ...row, id: -(2n ** 63n), bytes: '\\x00ff5c', at: '2024-02-29 12:00:00.000001' },
  )
  assert.ok(Object.entries(empty!).every(([name, value]) => name === 'id' || value === null))
  const declared = await query(
    url,
    `select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = '${schema}.t'::regclass and attnum > 0`,
  )
  assert.deepEqual(Object.fromEntries(declared.map(({ name, type }) => [name, type])), {
    id: 'bigint',
    small: 'smallint',
    wide: 'numeric(20,0)',
    real: 'real',
    double: 'double precision',
    yes: 'boolean',
    bytes: 'bytea',
    cost: 'numeric(30,5)',
    day: 'date',
    at: 'timestamp without time zone',
    clock: 'time without time zone',
    tags: 'jsonb',
  })
})

for (const [name, table, message, rows] of [
  ['a wrong type', 'id bigint primary key, name bytea', /column "name": it is bytea, and the rows have TEXT/],
  ['a deferrable key', 'id bigint unique deferrable, name text', /no primary key or unique index/],
  [
    'a column that the table computes',
    'id bigint primary key, name text generated always as (id::text) stored',
    /column "name" is computed by the table/,
  ],
  [
    'decimals that would be rounded',
    'id bigint primary key, name text, n numeric(38, 2)',
    /column "n": it is numeric\(38,2\), which rounds what the rows have, NUMERIC\(38, 9\)/,
    { ...types, n: 'decimal128(38, 9)' },
  ],
  [
    'decimals that are too large',
    'id bigint primary key, name text, n numeric(20, 9)',
    /column "n": it is numeric\(20,9\), which is too small for what the rows have/,
    { ...types, n: 'decimal128(38, 9)' },
  ],
  [
    'doubles that would be rounded',
    'id bigint primary key, name text, n real',
    /column "n": it is real, which rounds/,
    { ...types, n: 'float64' },
  ],
] as const)
  test(`${name} is an error of connect, and of open`, { skip }, async t => {
    const schema = await made(t, `create table t (${table})`)
    const before = await columnsOf(url, schema)
    const config = { schema, table: 't', primary_key: 'id' }
    const input = streamOf(rows ?? types)
    await assert.rejects(connectSink(postgres, config, input, watchedAt(url)), { code: 'bad_pipeline', message })
    await assert.rejects(open(t, url, postgres, config, input), { code: 'bad_pipeline', message })
    assert.deepEqual(await columnsOf(url, schema), before)
  })

test('connect names all that is wrong with a table', { skip }, async t => {
  const schema = await made(t, 'create table t (id bytea, name bytea, must text not null)')
  const config = { schema, table: 't', primary_key: 'id', schema_drift: 'fail' }
  const input = streamOf({ ...types, extra: 'utf8' })
  const problems = await connectSink(postgres, config, input, watchedAt(url)).catch(
    (error: AggregateError) => error.errors,
  )
  assert.deepEqual(
    (problems as Error[]).map(({ message }) => /column "\w+"|no primary key/.exec(message)?.[0]),
    ['column "must"', 'column "id"', 'column "name"', 'no primary key', 'column "extra"'],
  )
})

for (const [name, change, input, message] of [
  ['a row of nothing', { primary_key: [] }, { _gs_op: 'utf8' }, /the rows have no columns/],
  ['a name that is ours', { table: '_millrace_positions' }, types, /names that begin so are taken/],
  ['a name that is too long', { table: 'é'.repeat(32) }, types, /has 64 bytes, and Postgres keeps 63/],
  ['a column whose name is too long', {}, { ...types, [`c${'o'.repeat(63)}`]: 'utf8' }, /keeps 63/],
  ['a column of the system', {}, { ...types, ctid: 'utf8' }, /column "ctid" is one that Postgres keeps itself/],
  [
    'a key that no rows have',
    { primary_key: 'does_not_exist' },
    types,
    /columns \["does_not_exist"\] not found in schema. Available columns: \["id","name"\]/,
  ],
  ['a key that is a list', { primary_key: 'tags' }, { ...types, tags: 'list<utf8>' }, /column "tags" is a list/],
  ['update_where of no column', { update_where: { colour: '>' } }, types, /there is no column "colour"/],
  ['update_where without updates', { update_where: { id: '>' }, on_conflict: 'nothing' }, types, /leave one out/],
  ['update_where without a key', { update_where: { id: '>' }, primary_key: [] }, types, /there is no primary_key/],
] as const)
  test(`${name} is an error of check, which asks no server`, async () => {
    const config = { schema: 'public', table: 't', primary_key: 'id', ...change }
    // the settings name a server that is not there
    await assert.rejects(checkSink(postgres, config, streamOf(input as Types), watched()), {
      code: 'bad_pipeline',
      message,
    })
  })

test('a view is no table', { skip }, async t => {
  const schema = await made(t, 'create view t as select 1 as id')
  const config = { schema, table: 't', primary_key: 'id' }
  await assert.rejects(connectSink(postgres, config, streamOf(types), watchedAt(url)), {
    message: /t is a view, not a table/,
  })
})

test('what the user is not granted is said before a run', { skip }, async t => {
  const schema = await made(t, 'create table t (id bigint primary key, name text)')
  const role = `${schema}_role`
  await execute(
    url,
    `create role ${role} login password 'x'; grant usage on schema ${schema} to ${role}; grant select on ${schema}.t to ${role}`,
  )
  t.after(() => execute(url, `drop owned by ${role}; drop role ${role}`))
  const own = new URL(url)
  own.username = role
  own.password = 'x'
  const config = { schema, table: 't', primary_key: 'id' }
  const problems = await connectSink(postgres, config, streamOf({ ...types, more: 'utf8' }), watchedAt(own.href)).catch(
    (error: AggregateError) => error.errors,
  )
  assert.deepEqual(
    (problems as Error[]).map(({ message }) => message.slice(message.indexOf('may not'))),
    [
      `may not write to ${schema}.t: grant select, insert, update and delete`,
      `may not make table _millrace_positions in schema "${schema}": make it, or grant create on it`,
    ],
  )
  assert.equal((await errorOf(open(t, own.href, postgres, config, streamOf(types)))).code, 'refused')
})

test('rows that break a rule of the table, and columns that are gone, are errors that name them', { skip }, async t => {
  const schema = await made(t, 'create table t (id bigint primary key, name text check (length(name) < 5))')
  const { sink } = await open(t, url, postgres, { schema, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(batchOf(types, [{ id: 1, name: 'too long' }]), 1)
  await assert.rejects(sink.commit(checkpoint(1)), {
    code: 'bad_data',
    message: /publish 1 rows in table millrace_\w+\.t: .*SQLSTATE 23514.*constraint t_name_check/,
  })
  await execute(url, `alter table ${schema}.t drop column name`)
  await assert.rejects(sink.commit(checkpoint(1)), { code: 'bad_pipeline', message: /column "name".*SQLSTATE 42703/ })
  assert.deepEqual(await query(url, `select * from ${schema}.t`), [])
})

test('a server that takes no writes is waited for', { skip }, async t => {
  const name = tempSchema(t, url)
  await execute(url, `create database ${name}`)
  t.after(() => execute(url, `drop database ${name} with (force)`))
  const own = new URL(url)
  own.pathname = name
  await execute(url, `alter database ${name} set default_transaction_read_only = on`)
  const config = { schema: 'public', table: 't', primary_key: 'id' }
  const error = await errorOf(open(t, own.href, postgres, config, streamOf(types)))
  assert.equal(error.code, 'unavailable')
  assert.match(error.message, /takes no writes/)
})

test("a sink's own server goes before the one of all, by its name as the environment spells it", { skip }, async t => {
  const name = tempSchema(t, url)
  await execute(url, `create database ${name}`)
  t.after(() => execute(url, `drop database ${name} with (force)`))
  const context = watchedAt(url, { name: 'Pg.My--Sink' })
  context.settings.postgres_sink_connections = { pg_my_sink: { db: name } }
  const { sink } = await open(t, url, postgres, { table: 't', primary_key: 'id' }, streamOf(types), context)
  await sink.begin()
  const own = new URL(url)
  own.pathname = name
  assert.equal((await query(own.href, 'select * from public._millrace_positions')).length, 1)
})

test('a column of a domain takes what its type takes', { skip }, async t => {
  const schema = await made(
    t,
    'create domain amount as numeric(20, 2) check (value >= 0); create table t (id bigint primary key, paid amount)',
  )
  const stream = streamOf({ id: 'int64', paid: 'decimal128(20, 2)' })
  const { sink } = await open(t, url, postgres, { schema, table: 't', primary_key: 'id' }, stream)
  await sink.begin()
  await sink.write(batchOf({ id: 'int64', paid: 'decimal128(20, 2)' }, [{ id: 1, paid: '12.50' }]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(await query(url, `select id, paid::text from ${schema}.t`), [{ id: 1, paid: '12.50' }])
})
