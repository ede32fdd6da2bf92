import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { good, input, refusalsSuite } from '../../drivers/aggregate/refusals.suite.ts'
import { checkSink, execute, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

/** What is wrong is said before anything is written. */

async function refused(t: TestContext, change: object, message: RegExp, sql = 'select 1', keyPath?: readonly string[]) {
  const path = join(tempFolder(t), 'out.db')
  execute(path, sql)
  const before = query(path, 'select * from sqlite_schema')
  const config = { path, ...good, ...change }
  await assert.rejects(checkSink(sqliteAggregate, config, input), error => {
    assert.match((error as Error).message, message)
    assert.equal((error as { code: string }).code, 'bad_pipeline')
    if (keyPath !== undefined) assert.deepEqual((error as { path: unknown }).path, keyPath)
    return true
  })
  await assert.rejects(openSink(t, sqliteAggregate, config, input), { code: 'bad_pipeline', message })
  assert.deepEqual(query(path, 'select * from sqlite_schema'), before)
}

refusalsSuite({
  definition: sqliteAggregate,
  place: t => ({ path: join(tempFolder(t), 'out.db') }),
  refuses: (t, change, message, path) => refused(t, change, message, undefined, path),
  async check(config) {
    const context = watched()
    await checkSink(sqliteAggregate, config, input, context)
    return context
  },
  open: (t, config) => openSink(t, sqliteAggregate, config, input),
  results: 'table "results"',
})

for (const [name, change, message, keyPath] of [
  [
    'a sum of text',
    { aggregate: { x: { from: 'team', fn: 'sum' } } },
    /sum of column "team", which is utf8: set a type/,
    ['aggregate', 'x', 'from'],
  ],
  [
    'a sum as text',
    { aggregate: { x: { from: 'points', fn: 'sum', type: 'text' } } },
    /which is utf8/,
    ['aggregate', 'x', 'type'],
  ],
  [
    'a type that there is not',
    { group_by: { team: { type: 'colour' } } },
    /there is no type "colour"/,
    ['group_by', 'team', 'type'],
  ],
  ['one table for both', { agg_table: 'Landing' }, /must be two tables/],
  ['two results of one name', { aggregate: { Team: { fn: 'count' } } }, /columns "team" and "Team" are one to SQLite/],
  [
    'an average beside its own sum',
    { aggregate: { p: { from: 'points', fn: 'avg' }, p_sum: { from: 'points', fn: 'sum' } } },
    /"p_sum" and "p_sum" are one/,
  ],
  ['a name that is ours', { agg_table: '_millrace_x' }, /_millrace_ or sqlite_ are taken/],
] as const)
  test(`${name} is an error of check`, t => refused(t, change, message, undefined, keyPath))

for (const [name, sql, message] of [
  [
    'results of other columns',
    'create table results (team text primary key)',
    /table "results": it has no column "points"/,
  ],
  [
    'results of a wrong type',
    'create table results (team text primary key, points text)',
    /column "points": it is TEXT/,
  ],
  [
    'results without their key',
    'create table results (team text, points integer)',
    /no primary key or unique index is on \("team"\)/,
  ],
  [
    'results without rowid',
    'create table results (team text primary key, points integer) without rowid',
    /WITHOUT ROWID/,
  ],
  [
    'a landing table of a wrong type',
    'create table landing (id text, _gs_op text, primary key (id, _gs_op))',
    /column "id": it is TEXT/,
  ],
] as const)
  test(`${name} are an error of check`, t => refused(t, {}, message, sql))

test("results whose key is the row's own number are refused: a null group would get one", t =>
  refused(
    t,
    { group_by: { id: {} } },
    /column "id" is the row's own number.*BIGINT/,
    'create table results (id integer primary key, points integer)',
  ))

test('types of PostgreSQL are known by their names', async t => {
  const path = join(tempFolder(t), 'x.db')
  for (const type of [
    'bigint',
    'int8',
    'double precision',
    'numeric',
    'numeric(30, 5)',
    'NUMERIC (30,5)',
    'decimal(10)',
    'real',
  ])
    await checkSink(sqliteAggregate, { path, ...good, aggregate: { points: { fn: 'sum', type } } }, input)
  for (const type of ['varchar(100)', 'character varying (20)', 'text', 'char(3)'])
    await checkSink(sqliteAggregate, { path, ...good, group_by: { team: { type } } }, input)
})
