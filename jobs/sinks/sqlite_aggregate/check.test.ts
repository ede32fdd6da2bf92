import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkSink, execute, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

/** What is wrong is said before anything is written. */

const types = { id: 'int64', team: 'utf8', points: 'int64', tags: 'list<utf8>', ok: 'boolean' }
const good = {
  landing_table: 'landing',
  agg_table: 'results',
  primary_key: 'id',
  group_by: { team: {} },
  aggregate: { points: { fn: 'sum' } },
}

async function refused(t: TestContext, change: object, message: RegExp, sql = 'select 1', keyPath?: readonly string[]) {
  const path = join(tempFolder(t), 'out.db')
  execute(path, sql)
  const before = query(path, 'select * from sqlite_schema')
  const config = { path, ...good, ...change }
  await assert.rejects(checkSink(sqliteAggregate, config, streamOf(types)), error => {
    assert.match((error as Error).message, message)
    assert.equal((error as { code: string }).code, 'bad_pipeline')
    if (keyPath !== undefined) assert.deepEqual((error as { path: unknown }).path, keyPath)
    return true
  })
  await assert.rejects(openSink(t, sqliteAggregate, config, streamOf(types)), { code: 'bad_pipeline', message })
  assert.deepEqual(query(path, 'select * from sqlite_schema'), before)
}

for (const [name, change, message, keyPath] of [
  ['no key', { primary_key: [] }, /no primary_key.*append_only: true/, ['primary_key']],
  ['a key that no rows have', { primary_key: 'nope' }, /columns \["nope"\] not found in schema/, ['primary_key']],
  [
    'a group of no column',
    { group_by: { colour: {} } },
    /there is no column "colour": the rows have "id"/,
    ['group_by', 'colour'],
  ],
  ['an aggregate of no column', { aggregate: { x: { fn: 'sum' } } }, /there is no column "x"/, ['aggregate', 'x']],
  [
    'a count of no column',
    { aggregate: { x: { fn: 'count', from: 'y' } } },
    /there is no column "y"/,
    ['aggregate', 'x'],
  ],
  [
    'a sum of text',
    { aggregate: { x: { from: 'team', fn: 'sum' } } },
    /sum of column "team", which is utf8: set a type/,
    ['aggregate', 'x', 'from'],
  ],
  ['a sum of booleans', { aggregate: { x: { from: 'ok', fn: 'avg' } } }, /avg of column "ok", which is boolean/],
  [
    'a sum as text',
    { aggregate: { x: { from: 'points', fn: 'sum', type: 'text' } } },
    /which is utf8/,
    ['aggregate', 'x', 'type'],
  ],
  ['a minimum of lists', { aggregate: { x: { from: 'tags', fn: 'min' } } }, /min of column "tags".*no order/],
  ['a count that is text', { aggregate: { x: { fn: 'count', type: 'text' } } }, /a count is a whole number, not text/],
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

test('results that were computed otherwise are refused, with the way out', async t => {
  const path = join(tempFolder(t), 'out.db')
  const first = await openSink(t, sqliteAggregate, { path, ...good }, streamOf(types))
  await first.sink.close()
  await checkSink(sqliteAggregate, { path, ...good }, streamOf(types))
  for (const change of [
    { aggregate: { points: { fn: 'max' } } },
    { aggregate: { points: { from: 'id', fn: 'sum' } } },
    { append_only: true },
    { primary_key: 'id, team' },
  ])
    await assert.rejects(checkSink(sqliteAggregate, { path, ...good, ...change }, streamOf(types)), {
      code: 'bad_pipeline',
      message: /table "results" was computed otherwise, as .*--reset/,
    })
})

test('append_only is said to be what it is', async t => {
  const context = watched()
  await checkSink(
    sqliteAggregate,
    { path: join(tempFolder(t), 'x.db'), ...good, append_only: true },
    streamOf(types),
    context,
  )
  assert.match(context.warnings.join(), /append_only: updates are added/)
})

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
    await checkSink(sqliteAggregate, { path, ...good, aggregate: { points: { fn: 'sum', type } } }, streamOf(types))
  for (const type of ['varchar(100)', 'character varying (20)', 'text', 'char(3)'])
    await checkSink(sqliteAggregate, { path, ...good, group_by: { team: { type } } }, streamOf(types))
})

test('keys are strict, and at least one aggregate is needed', () => {
  const parses = (config: object) =>
    sqliteAggregate.config.safeParse({ from: 'a', path: 'x.db', ...good, ...config }).success
  assert.ok(parses({ parallelism: 2, batch_size: 1, batch_flush_interval: '1s', deduplicate: false }))
  assert.ok(!parses({ aggregate: {} }))
  assert.ok(!parses({ aggregate: { x: { fn: 'median' } } }))
  assert.ok(!parses({ colour: 'red' }))
})
