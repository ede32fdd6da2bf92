import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { connectSink, execute, open, tempSchema, watchedAt } from '../../drivers/postgres-sink/harness.suite.ts'
import { checkSink } from '../../drivers/sqlite-sink/harness.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgresAggregate } from './postgres_aggregate.ts'

/** What is wrong is said before anything is written. */

const { skip, at } = service('postgres')
const url = at.POSTGRES
const types = { id: 'int64', team: 'utf8', points: 'int64', tags: 'list<utf8>', ok: 'boolean' }
const good = {
  landing_table: 'landing',
  agg_table: 'results',
  primary_key: 'id',
  group_by: { team: {} },
  aggregate: { points: { fn: 'sum' } },
}
const input = streamOf(types)

for (const [name, change, message, path] of [
  ['no key', { primary_key: [] }, /no primary_key.*append_only: true/, ['primary_key']],
  ['a key that no rows have', { primary_key: 'nope' }, /columns \["nope"\] not found in schema/, ['primary_key']],
  ['a group of no column', { group_by: { colour: {} } }, /there is no column "colour"/, ['group_by', 'colour']],
  ['an aggregate of no column', { aggregate: { x: { fn: 'sum' } } }, /there is no column "x"/, ['aggregate', 'x']],
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
  ['a minimum of lists', { aggregate: { x: { from: 'tags', fn: 'min' } } }, /min of column "tags".*no order/],
  ['a count that is text', { aggregate: { x: { fn: 'count', type: 'text' } } }, /a count is a whole number, not text/],
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
  test(`${name} is an error of check, which asks no server`, async () => {
    await assert.rejects(checkSink(postgresAggregate, { ...good, ...change }, input, watched()), {
      code: 'bad_pipeline',
      message,
      ...(path && { path }),
    })
  })

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

test('results that were computed otherwise are refused, with the way out', { skip }, async t => {
  const schema = tempSchema(t, url)
  const first = await open(t, url, postgresAggregate, { schema, ...good }, input)
  await first.sink.close()
  await connectSink(postgresAggregate, { schema, ...good }, input, watchedAt(url))
  for (const change of [
    { aggregate: { points: { fn: 'max' } } },
    { aggregate: { points: { from: 'id', fn: 'sum' } } },
    { append_only: true },
    { primary_key: 'id, team' },
  ])
    await assert.rejects(connectSink(postgresAggregate, { schema, ...good, ...change }, input, watchedAt(url)), {
      code: 'bad_pipeline',
      message: /results was computed otherwise, as .*--reset/,
    })
})

test('append_only is said to be what it is', async () => {
  const context = watched()
  await checkSink(postgresAggregate, { ...good, append_only: true }, input, context)
  assert.match(context.warnings.join(), /append_only: updates are added/)
})

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

test('keys are strict, and at least one aggregate is needed', () => {
  const parses = (config: object) => postgresAggregate.config.safeParse({ from: 'a', ...good, ...config }).success
  assert.ok(parses({ schema: 'x', parallelism: 2, batch_size: 1, batch_flush_interval: '1s', deduplicate: false }))
  assert.ok(!parses({ aggregate: {} }))
  assert.ok(!parses({ aggregate: { x: { fn: 'median' } } }))
  assert.ok(!parses({ colour: 'red' }))
})
