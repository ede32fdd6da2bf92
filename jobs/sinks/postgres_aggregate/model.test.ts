import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { execute, open, query, tempSchema } from '../../drivers/postgres-sink/harness.suite.ts'
import { batchOf } from '../../drivers/sqlite-sink/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { postgresAggregate } from './postgres_aggregate.ts'

/** Tables, columns, trigger and function have the names that the model gives them; what it left behind is taken over. */

const { skip, at } = service('postgres')
const url = at.POSTGRES
const types = { transfer_id: 'utf8', account: 'utf8', amount: 'int64' }
const config = {
  landing_table: 'transfer_log',
  agg_table: 'account_balances',
  primary_key: 'transfer_id',
  batch_flush_interval: '1s',
  batch_size: 100,
  group_by: { account: { type: 'text' } },
  aggregate: { balance: { from: 'amount', fn: 'sum' } },
}

async function started(t: TestContext, schema: string, change: object = {}, columns: Types = types) {
  const { sink } = await open(t, url, postgresAggregate, { schema, ...config, ...change }, streamOf(columns))
  await sink.begin()
  let epoch = 0
  return {
    sink,
    async add(rows: readonly Row[]) {
      await sink.write(batchOf(columns, rows), ++epoch)
      await sink.commit(checkpoint(epoch))
    },
    balances: () => query(url, `select * from ${schema}.account_balances order by 1`),
  }
}

/** What a run of the model has made, and what it holds. */
const left = (schema: string) => `
  create schema ${schema}; set search_path to ${schema};
  create table transfer_log (transfer_id text, account text, amount bigint, _gs_op text,
    _gs_checkpoint_epoch bigint not null default 0, primary key (transfer_id, _gs_op));
  create table account_balances (account text primary key, balance bigint);
  create function transfer_log_to_account_balances_fn() returns trigger language plpgsql as $$ begin
    insert into ${schema}.account_balances (account, balance)
    select account, sum(case when _gs_op = 'd' then -amount else amount end) from new_table group by account
    on conflict (account) do update set balance = account_balances.balance + excluded.balance;
    return null;
  end $$;
  create trigger transfer_log_to_account_balances_trigger after insert on transfer_log
    referencing new table as new_table for each statement execute function transfer_log_to_account_balances_fn();
`
const rows = `insert into transfer_log values ('old', 'alice', 100, 'i', 77);`

test('append_only goes on adding to what the model has computed', { skip }, async t => {
  const schema = tempSchema(t, url)
  await execute(url, left(schema) + rows)
  const { add, balances, sink } = await started(t, schema, { append_only: true })
  await add([
    // known in the landing table, so that it counts once
    { transfer_id: 'old', account: 'alice', amount: 100 },
    { transfer_id: 'new', account: 'alice', amount: 20 },
    { transfer_id: 'bob', account: 'bob', amount: 125 },
  ])
  assert.deepEqual(await balances(), [
    { account: 'alice', balance: 120 },
    { account: 'bob', balance: 125 },
  ])
  // rows that the model left with a number far ahead of ours do not stay for ever
  await sink.finalized!(1)
  const landed = await query(url, `select transfer_id from ${schema}.transfer_log order by 1`)
  assert.deepEqual(landed, [{ transfer_id: 'bob' }, { transfer_id: 'new' }, { transfer_id: 'old' }])
  await sink.finalized!(2)
  assert.deepEqual(await query(url, `select transfer_id from ${schema}.transfer_log`), [])
})

test('with append_only the trigger counts rows from whoever puts them into the landing table', { skip }, async t => {
  const schema = tempSchema(t, url)
  const { add, balances } = await started(t, schema, { append_only: true })
  await add([{ transfer_id: 'a', account: 'alice', amount: 100 }])
  await execute(url, `insert into ${schema}.transfer_log values ('b', 'alice', 20, 'i'), ('c', null, 1, 'i')`)
  assert.deepEqual(await balances(), [
    { account: 'alice', balance: 120 },
    { account: null, balance: 1 },
  ])
  const [trigger] = await query(
    url,
    `select tgname::text as name from pg_trigger where tgrelid = '${schema}.transfer_log'::regclass`,
  )
  assert.deepEqual(trigger, { name: 'transfer_log_to_account_balances_trigger' })
})

test("otherwise the model's trigger goes, which would count every row again", { skip }, async t => {
  const schema = tempSchema(t, url)
  await execute(url, left(schema))
  const { add, balances } = await started(t, schema)
  await add([
    { transfer_id: 'a', account: 'alice', amount: 100 },
    { transfer_id: 'b', account: 'alice', amount: 20 },
  ])
  assert.deepEqual(await balances(), [{ account: 'alice', balance: 120 }])
})

test(
  'a type of the configuration is that of the column, and average and count have the names of the model',
  { skip },
  async t => {
    const schema = tempSchema(t, url)
    const columns = { trade_id: 'int64', market: 'utf8', volume: 'utf8', price: 'float64' }
    const { add } = await started(
      t,
      schema,
      {
        primary_key: 'trade_id',
        group_by: { market: { type: 'varchar(100)' } },
        aggregate: {
          trade_count: { fn: 'count' },
          total_volume: { from: 'volume', fn: 'sum', type: 'numeric(30,5)' },
          avg_price: { from: 'price', fn: 'avg' },
        },
      },
      columns,
    )
    await add([
      { trade_id: 1, market: 'm', volume: '0.1', price: 1.5 },
      { trade_id: 2, market: 'm', volume: '1e3', price: 2 },
    ])
    assert.deepEqual(await query(url, `select * from ${schema}.account_balances`), [
      { market: 'm', trade_count: 2, total_volume: '1000.10000', avg_price_sum: 3.5, avg_price_count: 2 },
    ])
    const declared = await query(
      url,
      `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = '${schema}.account_balances'::regclass and attnum > 0 order by attnum`,
    )
    assert.deepEqual(
      declared.map(({ type }) => type),
      ['character varying(100)', 'bigint', 'numeric(30,5)', 'double precision', 'bigint'],
    )
  },
)

test('names that the server would cut short are told apart', { skip }, async t => {
  const schema = tempSchema(t, url)
  const agg = `${'é'.repeat(30)}x`
  for (const agg_table of [`${agg}1`, `${agg}2`])
    for (const append_only of [false, true]) {
      const name = `${agg_table}${append_only ? 'a' : ''}`
      const { sink } = await open(
        t,
        url,
        postgresAggregate,
        { schema, ...config, agg_table: name, landing_table: `l${name.slice(1)}`, append_only },
        streamOf(types),
      )
      await sink.begin()
      await sink.write(batchOf(types, [{ transfer_id: 'a', account: 'alice', amount: 1 }]), 1)
      await sink.commit(checkpoint(1))
      await sink.close()
      assert.deepEqual(await query(url, `select * from ${schema}."${name}"`), [{ account: 'alice', balance: 1 }])
      await execute(url, `update ${schema}._millrace_positions set epoch = null`)
    }
})

test('groups and extremes of any type that has an order', { skip }, async t => {
  const schema = tempSchema(t, url)
  const columns = { id: 'int64', u: 'utf8', f: 'float64', yes: 'boolean', bytes: 'binary' }
  const { add } = await started(
    t,
    schema,
    {
      primary_key: 'id',
      group_by: { f: {} },
      aggregate: {
        u: { fn: 'min', type: 'uuid' },
        any: { from: 'yes', fn: 'max' },
        bytes: { fn: 'max' },
      },
    },
    columns,
  )
  const uuid = (n: number) => `00000000-0000-0000-0000-00000000000${n}`
  await add([
    { id: 1, u: uuid(1), f: 0, yes: true, bytes: new Uint8Array([2]) },
    { id: 2, u: uuid(2), f: -0, yes: false, bytes: new Uint8Array([1]) },
    { id: 3, u: uuid(3), f: Number.NaN, yes: null, bytes: null },
  ])
  await add([{ id: 1, _gs_op: 'd' }])
  assert.deepEqual(await query(url, `select * from ${schema}.account_balances order by f`), [
    { f: 0, u: uuid(2), any: false, bytes: '\\x01' },
    { f: Number.NaN, u: uuid(3), any: null, bytes: null },
  ])
})
