import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { good, input, refusalsSuite } from '../../drivers/aggregate/refusals.suite.ts'
import { connectSink, execute, open, tempSchema, watchedAt } from '../../drivers/postgres-sink/harness.suite.ts'
import { checkSink } from '../../drivers/sqlite-sink/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { postgresAggregate } from './postgres_aggregate.ts'

/** What is wrong is said before anything is written. */

const { skip, at } = service('postgres')
const url = at.POSTGRES

/** Of the settings, which name a server that is not there. */
const refusedByCheck = (change: object, message: RegExp, path?: readonly string[]) =>
  assert.rejects(checkSink(postgresAggregate, { ...good, ...change }, input, watched()), {
    code: 'bad_pipeline',
    message,
    ...(path && { path }),
  })

refusalsSuite({
  skip,
  definition: postgresAggregate,
  place: t => ({ schema: skip ? 'public' : tempSchema(t, url) }),
  refuses: (_, change, message, path) => refusedByCheck(change, message, path),
  async check(config) {
    const context = skip ? watched() : watchedAt(url)
    await checkSink(postgresAggregate, config, input, context)
    if (!skip) await connectSink(postgresAggregate, config, input, context)
    return context
  },
  open: (t, config) => open(t, url, postgresAggregate, config, input),
  results: 'results',
})

for (const [name, change, message, path] of [
  [
    'a sum of text',
    { aggregate: { x: { from: 'team', fn: 'sum' } } },
    /sum of column "team", which is text: set a type/,
    ['aggregate', 'x', 'from'],
  ],
  [
    'a sum as text',
    { aggregate: { x: { from: 'points', fn: 'sum', type: 'varchar(9)' } } },
    /which is (text|character varying)/,
    ['aggregate', 'x', 'type'],
  ],
  [
    'a type that is more than a type',
    { group_by: { team: { type: 'text); drop table x; --' } } },
    /there is no type "text\); drop table x; --"/,
    ['group_by', 'team', 'type'],
  ],
  ['one table for both', { agg_table: 'landing' }, /must be two tables/, ['agg_table']],
  [
    'an average beside its own sum',
    { aggregate: { p: { from: 'points', fn: 'avg' }, p_sum: { from: 'points', fn: 'sum' } } },
    /there are two columns "p_sum"/,
  ],
  ['a name that is ours', { agg_table: '_millrace_x' }, /names that begin so are taken/, ['agg_table']],
] as const)
  test(`${name} is an error of check, which asks no server`, () => refusedByCheck(change, message, path))

async function refused(t: TestContext, change: object, message: RegExp, sql = 'select 1') {
  const schema = tempSchema(t, url)
  await execute(url, `create schema ${schema}; set search_path to ${schema}; ${sql}`)
  const config = { schema, ...good, ...change }
  const refusal = { code: 'bad_pipeline', message }
  await assert.rejects(connectSink(postgresAggregate, config, input, watchedAt(url)), refusal)
  await assert.rejects(open(t, url, postgresAggregate, config, input), refusal)
}

for (const [name, change, sql, message] of [
  ['a type that there is not', { group_by: { team: { type: 'colour' } } }, undefined, /there is no type "colour"/],
  [
    'a type with a length that it cannot have',
    { group_by: { team: { type: 'varchar(0)' } } },
    undefined,
    /length for type varchar must be at least 1/,
  ],
  ['results of other columns', {}, 'create table results (team text unique)', /results: it has no column "points"/],
  [
    'results of a wrong type',
    {},
    'create table results (team text unique, points text)',
    /column "points": it is text, and the results are bigint/,
  ],
  [
    'results without their key',
    {},
    'create table results (team text, points bigint)',
    /no primary key or unique index is on \("team"\)/,
  ],
  [
    'a landing table of a wrong type',
    {},
    'create table landing (id bytea, _gs_op text, _gs_checkpoint_epoch bigint, primary key (id, _gs_op))',
    /column "id": it is bytea/,
  ],
  [
    'results that others have computed',
    {},
    `create table results (team text primary key, points bigint); insert into results values ('a', 5)`,
    /results has results that this sink did not compute: .*append_only: true/,
  ],
] as const)
  test(`${name} are an error of connect, and of open`, { skip }, t => refused(t, change, message, sql))

test('types are known by their names in PostgreSQL and in Arrow', { skip }, async t => {
  const schema = tempSchema(t, url)
  const sums = [
    'bigint',
    'int8',
    'double precision',
    'double',
    'numeric',
    'numeric(30, 5)',
    'NUMERIC (30,5)',
    'decimal(10)',
    'real',
    'int64',
    'float64',
  ]
  const texts = [
    'varchar(100)',
    'character varying (20)',
    'text',
    'char(3)',
    'utf8',
    'inet',
    'timestamp(3) with time zone',
    'text[]',
  ]
  for (const config of [
    ...sums.map(type => ({ ...good, aggregate: { points: { fn: 'sum', type } } })),
    ...texts.map(type => ({ ...good, group_by: { team: { type } } })),
  ]) {
    await checkSink(postgresAggregate, config, input, watched())
    await connectSink(postgresAggregate, { schema, ...config }, input, watchedAt(url))
  }
})
