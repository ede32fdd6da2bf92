import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { connectSink, execute, open, query, tempSchema, watchedAt } from '../../drivers/postgres-sink/harness.suite.ts'
import { batchOf } from '../../drivers/sqlite-sink/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgresAggregate } from './postgres_aggregate.ts'

/** Groups are what the server calls equal, and sums come back from what is no number. */

const { skip, at } = service('postgres')
const url = at.POSTGRES
const columns = { id: 'int64', g: 'utf8', n: 'utf8' }
const config = (schema: string, type: string) => ({
  schema,
  landing_table: 'landing',
  agg_table: 'results',
  primary_key: 'id',
  group_by: { g: { type } },
  aggregate: { n: { fn: 'sum', type: 'numeric' }, most: { from: 'n', fn: 'max', type: 'numeric' }, c: { fn: 'count' } },
})

async function started(t: TestContext, type: string, schema = tempSchema(t, url)) {
  const { sink } = await open(t, url, postgresAggregate, config(schema, type), streamOf(columns))
  await sink.begin()
  let epoch = 0
  return {
    async add(...rows: Row[]) {
      await sink.write(batchOf(columns, rows), ++epoch)
      await sink.commit(checkpoint(epoch))
    },
    results: () => query(url, `select g::text, n, c from ${schema}.results order by g`),
  }
}

for (const [type, a, b, other] of [
  ['numeric', '1.0', '1.00', '2'],
  ['interval', '1 day', '24:00:00', '2 days'],
  ['jsonb', '{"a": 1.0}', '{"a": 1.00}', '{"a": 2}'],
  ['numeric[]', '{1.0}', '{1.00}', '{2}'],
  ['numrange', '[1.0,2)', '[1.00,2)', '[3,4)'],
  ['bpchar', 'a', 'a ', 'b'],
] as const)
  test(`groups of ${type} that are equal but written differently are one`, { skip }, async t => {
    const { add, results } = await started(t, type)
    await add({ id: 1, g: a, n: '1' }, { id: 2, g: b, n: '2' }, { id: 3, g: other, n: '5' }, { id: 4, g: null, n: '7' })
    await add({ id: 5, g: b, n: '4' }, { id: 6, g: null, n: '1' })
    const rest = [
      { g: other, n: '5', c: 1 },
      { g: null, n: '8', c: 2 },
    ]
    const [first, ...others] = await results()
    assert.deepEqual({ n: first!.n, c: first!.c }, { n: '7', c: 3 })
    assert.deepEqual(others, rest)
    await add({ id: 1, _gs_op: 'd' }, { id: 2, _gs_op: 'd' })
    assert.deepEqual(
      (await results()).map(({ n }) => n),
      ['4', '5', '8'],
    )
    await add({ id: 5, _gs_op: 'd' })
    assert.deepEqual(await results(), rest)
  })

test(
  'results whose groups were told apart by how they are written are refused, with the way out',
  { skip },
  async t => {
    const schema = tempSchema(t, url)
    await started(t, 'numeric', schema)
    await execute(url, `update ${schema}._millrace_aggregates set definition = replace(definition, ',"by":"type"', '')`)
    const refusal = { code: 'bad_pipeline', message: /computed otherwise.*--reset/ }
    await assert.rejects(started(t, 'numeric', schema), refusal)
  },
)

test('groups of citext are one in any case, wherever the type is', { skip }, async t => {
  const schema = tempSchema(t, url)
  const [there] = await query(url, `select 1 from pg_available_extensions where name = 'citext'`)
  if (there === undefined) return t.skip('the server has no citext')
  const [own] = await query(
    url,
    `select n.nspname::text as at from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'citext'`,
  )
  if (own === undefined) await execute(url, `create schema ${schema}; create extension citext schema ${schema}`)
  const { add, results } = await started(t, `${own?.at ?? schema}.citext`, schema)
  await add({ id: 1, g: 'a', n: '1' })
  await add({ id: 2, g: 'A', n: '2' })
  assert.deepEqual(await results(), [{ g: 'a', n: '3', c: 2 }])
  await add({ id: 2, _gs_op: 'd' })
  assert.deepEqual(await results(), [{ g: 'a', n: '1', c: 1 }])
})

test('a type that the server cannot compare makes no groups', { skip }, async t => {
  const schema = tempSchema(t, url)
  const refusal = { code: 'bad_pipeline', message: /values of type json make no groups.*such as text/ }
  await assert.rejects(started(t, 'json', schema), refusal)
})

test('results whose own key can call two groups equal are refused', { skip }, async t => {
  const schema = tempSchema(t, url)
  await execute(
    url,
    `create schema ${schema}; create collation ${schema}.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
     create table ${schema}.results (g text collate ${schema}.ci unique, n numeric, most numeric, c bigint)`,
  )
  const refusal = { code: 'bad_pipeline', message: /two groups that differ as text can be equal.*another agg_table/ }
  await assert.rejects(started(t, 'text', schema), refusal)
  await assert.rejects(
    connectSink(postgresAggregate, config(schema, 'text'), streamOf(columns), watchedAt(url)),
    refusal,
  )
})

for (const odd of ['NaN', 'Infinity'])
  test(`a sum of numeric is a number again once ${odd} is gone`, { skip }, async t => {
    const schema = tempSchema(t, url)
    if (odd === 'Infinity' && Number((await query(url, 'show server_version_num'))[0]!.server_version_num) < 140_000)
      return t.skip('numeric has infinity from version 14 on')
    const { add, results } = await started(t, 'text', schema)
    await add({ id: 1, g: 'a', n: odd }, { id: 2, g: 'a', n: '5' })
    assert.deepEqual(await results(), [{ g: 'a', n: odd, c: 2 }])
    await add({ id: 1, _gs_op: 'd' }, { id: 3, g: 'a', n: '1.5' })
    assert.deepEqual(await results(), [{ g: 'a', n: '6.5', c: 2 }])
  })
