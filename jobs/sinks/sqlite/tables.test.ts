import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { batchOf, checkSink, execute, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { openSqliteState } from '../../state/sqlite/sqlite.ts'
import { sqlite } from './sqlite.ts'

/** Tables that are there before the sink is, and columns that come up later. */

type Types = Readonly<Record<string, string>>
const types: Types = { id: 'int64', name: 'utf8' }

function made(t: TestContext, sql: string): string {
  const path = join(tempFolder(t), 'out.db')
  execute(path, sql)
  return path
}

const columns = (path: string) => query(path, "select name, type from pragma_table_info('t')")

test("a user's table is used as it is, whatever the case of its names", async t => {
  const path = made(
    t,
    `create table T (Id integer primary key, NAME text default 'none', at text default 'now', n generated always as (id * 2));
     insert into t (id, name, at) values (1, 'old', 'then')`,
  )
  const { sink } = await openSink(t, sqlite, { path, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(
    batchOf(types, [
      { id: 1, name: 'new' },
      { id: 2, name: 'b' },
    ]),
    1,
  )
  await sink.commit(checkpoint(1))
  assert.deepEqual(query(path, 'select * from t'), [
    { Id: 1, NAME: 'new', at: 'then', n: 2 },
    { Id: 2, NAME: 'b', at: 'now', n: 4 },
  ])
})

test('a key is found in a unique index, in any order and with its collation', async t => {
  const path = made(
    t,
    'create table t (name text, id integer, n integer); create unique index k on t (name collate nocase, id)',
  )
  const { sink } = await openSink(
    t,
    sqlite,
    { path, table: 't', primary_key: 'id, name' },
    streamOf({ ...types, n: 'int32' }),
  )
  await sink.begin()
  const rows = [
    { id: 1, name: 'a', n: 1 },
    { id: 1, name: 'A', n: 2 },
    { id: 2, name: 'b', n: 1 },
    { id: 2, name: 'B', _gs_op: 'd' },
  ]
  await sink.write(batchOf({ ...types, n: 'int32' }, rows), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(query(path, 'select * from t'), [{ name: 'a', id: 1, n: 2 }])
})

for (const [name, table, message, rows] of [
  [
    'a wrong type',
    'id integer primary key, name integer',
    /column "name": it is INTEGER, and the rows have utf8: declare it TEXT/,
  ],
  [
    'a type that turns text into numbers',
    'id integer primary key, name datetime',
    /it is datetime \(affinity NUMERIC\), and the rows have utf8/,
  ],
  [
    'a column that the table computes',
    'id integer primary key, name text as (id)',
    /column "name" is computed by the table/,
  ],
  [
    'decimals that would be rounded',
    'id integer primary key, name text, n numeric',
    /column "n".*decimal128\(38, 9\)/,
    { ...types, n: 'decimal128(38, 9)' },
  ],
  [
    'nanoseconds in a column of microseconds',
    'id integer primary key, name text, at integer',
    /holds microseconds/,
    { ...types, at: 'timestamp(ns)' },
  ],
  [
    'large integers in a column of floats',
    'id integer primary key, name text, n real',
    /column "n": it is REAL/,
    { ...types, n: 'int64' },
  ],
] as const)
  test(`${name} is an error of check, and of open`, async t => {
    const path = made(t, `create table t (${table})`)
    const before = columns(path)
    const config = { path, table: 't', primary_key: 'id' }
    const input = streamOf(rows ?? types)
    await assert.rejects(checkSink(sqlite, config, input), { code: 'bad_pipeline', message })
    await assert.rejects(openSink(t, sqlite, config, input), { code: 'bad_pipeline', message })
    assert.deepEqual(columns(path), before)
  })

for (const [name, change, input, message] of [
  ['a database in memory', { path: ':memory:' }, types, /name a file/],
  ['a row of nothing', { primary_key: [] }, { _gs_op: 'utf8' }, /the rows have no columns/],
  ['a view', { table: 'v' }, types, /"v" is a view, not a table/],
  ['a name that is ours', { table: '_millrace_positions' }, types, /_millrace_ or sqlite_ are taken/],
  ["a name that is SQLite's", { table: 'SQLITE_master' }, types, /_millrace_ or sqlite_ are taken/],
  [
    'a key that no rows have',
    { primary_key: 'does_not_exist' },
    types,
    /columns \["does_not_exist"\] not found in schema. Available columns: \["id","name"\]/,
  ],
  [
    'a key that is a list',
    { primary_key: 'tags' },
    { ...types, tags: 'list<utf8>' },
    /column "tags" is list<utf8>, which cannot be a key/,
  ],
  ['columns that differ in case', {}, { ...types, NAME: 'utf8' }, /columns "name" and "NAME" are one to SQLite/],
  ['update_where of no column', { update_where: { colour: '>' } }, types, /there is no column "colour"/],
  [
    'update_where of decimals',
    { update_where: { n: '>' } },
    { ...types, n: 'decimal128(9, 2)' },
    /column "n" is decimal128\(9, 2\).*cast it/,
  ],
  ['update_where without updates', { update_where: { id: '>' }, on_conflict: 'nothing' }, types, /leave one out/],
  ['update_where without a key', { update_where: { id: '>' }, primary_key: [] }, types, /there is no primary_key/],
] as const)
  test(`${name} is an error of check`, async t => {
    const path = made(t, 'create table x (id integer); create view v as select * from x')
    const config = { path, table: 't', primary_key: 'id', ...change }
    await assert.rejects(checkSink(sqlite, config, streamOf(input)), { code: 'bad_pipeline', message })
    await assert.rejects(openSink(t, sqlite, config, streamOf(input)), { code: 'bad_pipeline', message })
  })

test('rows that break a rule of the table are an error that names it', async t => {
  const path = made(t, 'create table t (id integer primary key, name text not null check (length(name) < 5))')
  const { sink } = await openSink(t, sqlite, { path, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(
    batchOf(types, [
      { id: 1, name: 'a' },
      { id: 2, name: 'too long' },
    ]),
    1,
  )
  await assert.rejects(sink.commit(checkpoint(1)), {
    code: 'bad_data',
    message: /publish 2 rows in table "t".*CHECK constraint/,
  })
  assert.deepEqual(query(path, 'select * from t'), [])
})

test('a table may stand beside the state of pipelines, but not be one of its own', async t => {
  const path = join(tempFolder(t), 'state.db')
  const state = await openSqliteState(path)
  await state.write('a/b', { set: new Map([['k', 1]]) })
  t.after(() => state.close())
  for (const table of ['state', 'Dead_Letters'])
    await assert.rejects(checkSink(sqlite, { path, table }, streamOf(types)), {
      code: 'bad_pipeline',
      message: /holds the state of pipelines/,
    })
  const { sink } = await openSink(t, sqlite, { path, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(batchOf(types, [{ id: 1, name: 'a' }]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(await state.read('a/b'), new Map([['k', 1]]))
  assert.deepEqual(query(path, 'select * from t'), [{ id: 1, name: 'a' }])
})
