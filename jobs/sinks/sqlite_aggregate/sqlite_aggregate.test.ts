import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { batchOf, execute, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqliteAggregate } from './sqlite_aggregate.ts'

const types = { id: 'int64', account: 'utf8', amount: 'int64' }
type Types = Readonly<Record<string, string>>

interface Options {
  columns?: Types
  /** one row per batch */
  single?: boolean
}

async function open(t: TestContext, config: object, { columns = types, single = false }: Options = {}) {
  const path = join(tempFolder(t), 'out.db')
  const { sink, context } = await openSink(
    t,
    sqliteAggregate,
    { path, landing_table: 'landing', agg_table: 'results', primary_key: 'id', ...config },
    streamOf(columns),
  )
  await sink.begin()
  let epoch = 0
  return {
    path,
    sink,
    context,
    results: () => query(path, 'select * from results'),
    landing: () => query(path, 'select * from landing'),
    /** The rows as one epoch. */
    async add(rows: readonly Row[], shape: Types = columns) {
      epoch++
      const batches = single ? rows.map(row => [row]) : [rows]
      for (const batch of batches) await sink.write(batchOf(shape, batch), epoch)
      await sink.commit(checkpoint(epoch))
    },
  }
}

const balances = { group_by: { account: { type: 'text' } }, aggregate: { balance: { from: 'amount', fn: 'sum' } } }

for (const append_only of [false, true]) {
  const mode = append_only ? ' (append_only)' : ''

  test(`inserts are added and deletes taken back${mode}`, async t => {
    const { add, results } = await open(t, { ...balances, append_only, parallelism: 2 })
    await add([
      { id: 1, account: 'alice', amount: 100 },
      { id: 2, account: 'bob', amount: 200 },
      { id: 3, account: 'alice', amount: 50 },
      { id: 4, account: 'bob', amount: -75 },
      { id: 5, account: 'alice', amount: 30 },
    ])
    await add([{ id: 5, account: 'alice', amount: 30, _gs_op: 'd' }])
    assert.deepEqual(results(), [
      { account: 'alice', balance: 150 },
      { account: 'bob', balance: 125 },
    ])
  })

  test(`a row that comes again is counted once, in batches of one and in the next epoch${mode}`, async t => {
    const { add, results } = await open(
      t,
      { ...balances, aggregate: { ...balances.aggregate, n: { fn: 'count' } }, append_only, batch_size: 1 },
      { single: true },
    )
    const row = { id: 1, account: 'alice', amount: 100 }
    await add([row, row, { id: 2, account: 'alice', amount: 20 }])
    await add([row])
    assert.deepEqual(results(), [{ account: 'alice', balance: 120, n: 2 }])
  })

  test(`landing rows have key, operation and epoch, and go once the next epoch is final${mode}`, async t => {
    const { add, landing, sink } = await open(t, { ...balances, append_only })
    await add([
      { id: 1, account: 'a', amount: 1 },
      { id: 1, account: 'a', amount: 1, _gs_op: 'd' },
    ])
    await add([{ id: 1, account: 'a', amount: 2 }])
    assert.deepEqual(landing(), [
      { id: 1, account: 'a', amount: 2, _gs_op: 'i', _gs_checkpoint_epoch: 2 },
      { id: 1, account: 'a', amount: 1, _gs_op: 'd', _gs_checkpoint_epoch: 1 },
    ])
    await sink.finalized!(1)
    assert.equal(landing().length, 2)
    await sink.finalized!(2)
    assert.deepEqual(landing(), [{ id: 1, account: 'a', amount: 2, _gs_op: 'i', _gs_checkpoint_epoch: 2 }])
    await sink.finalized!(3)
    await sink.finalized!(3)
    assert.deepEqual(landing(), [])
  })

  test(`without group_by there is one row, whose key is 'value'${mode}`, async t => {
    const { add, results } = await open(t, { aggregate: { total_count: { fn: 'count' } }, append_only })
    assert.deepEqual(results(), [])
    await add([{ id: 1 }, { id: 2 }])
    assert.deepEqual(results(), [{ key: 'value', total_count: 2 }])
  })

  test(`null groups are one group, also in a later epoch${mode}`, async t => {
    const { add, results } = await open(t, { ...balances, append_only })
    await add([
      { id: 1, amount: 1 },
      { id: 2, amount: 2 },
    ])
    await add([
      { id: 3, account: null, amount: 4 },
      { id: 4, account: 'null', amount: 8 },
    ])
    assert.deepEqual(results(), [
      { account: null, balance: 7 },
      { account: 'null', balance: 8 },
    ])
  })

  test(`columns that are new within a run land too${mode}`, async t => {
    const { add, landing, results } = await open(t, { ...balances, append_only })
    await add([{ id: 1, account: 'a', amount: 1, note: 'x' }], { ...types, note: 'utf8' })
    assert.equal(landing()[0]!.note, 'x')
    assert.deepEqual(results(), [{ account: 'a', balance: 1 }])
  })
}

test('an update replaces what the row gave before, and a row can move to another group', async t => {
  const { add, results } = await open(t, { ...balances, aggregate: { ...balances.aggregate, n: { fn: 'count' } } })
  await add([
    { id: 1, account: 'a', amount: 5 },
    { id: 2, account: 'a', amount: 1 },
  ])
  await add([{ id: 1, account: 'a', amount: 7, _gs_op: 'u' }])
  assert.deepEqual(results(), [{ account: 'a', balance: 8, n: 2 }])
  await add([{ id: 1, account: 'b', amount: 7, _gs_op: 'u' }])
  assert.deepEqual(results(), [
    { account: 'a', balance: 1, n: 1 },
    { account: 'b', balance: 7, n: 1 },
  ])
  await add([{ id: 2, account: 'b', amount: 1 }])
  assert.deepEqual(results(), [{ account: 'b', balance: 8, n: 2 }])
})

test('a delete undoes what was stored, whatever it says itself, and an unknown key undoes nothing', async t => {
  const { add, results } = await open(t, balances)
  await add([
    { id: 1, account: 'a', amount: 5 },
    { id: 2, account: 'b', amount: 1 },
  ])
  await add([
    { id: 1, account: 'b', amount: 99, _gs_op: 'd' },
    { id: 3, account: 'b', amount: 1, _gs_op: 'd' },
  ])
  assert.deepEqual(results(), [{ account: 'b', balance: 1 }])
})

test('what append_only gets wrong is what its README says', async t => {
  const { add, results } = await open(t, {
    ...balances,
    aggregate: { ...balances.aggregate, n: { fn: 'count' }, most: { from: 'amount', fn: 'max' } },
    append_only: true,
  })
  await add([{ id: 1, account: 'a', amount: 5 }])
  await add([{ id: 1, account: 'a', amount: 7, _gs_op: 'u' }])
  await add([{ id: 1, account: 'a', amount: 7, _gs_op: 'd' }])
  assert.deepEqual(results(), [{ account: 'a', balance: 5, n: 0, most: 7 }])
})

test('append_only without a key counts every row', async t => {
  const { add, results } = await open(t, { ...balances, primary_key: [], append_only: true })
  await add([
    { id: 1, account: 'a', amount: 5 },
    { id: 1, account: 'a', amount: 5 },
  ])
  assert.deepEqual(results(), [{ account: 'a', balance: 10 }])
})

test('nulls are left out of everything but the count of rows, and only nulls have no sum', async t => {
  const { add, results } = await open(t, {
    aggregate: {
      n: { fn: 'count' },
      known: { from: 'amount', fn: 'count' },
      total: { from: 'amount', fn: 'sum' },
      mean: { from: 'amount', fn: 'avg' },
      least: { from: 'amount', fn: 'min' },
    },
  })
  await add([{ id: 1 }, { id: 2, amount: 3 }])
  assert.deepEqual(results(), [{ key: 'value', n: 2, known: 1, total: 3, mean_sum: 3, mean_count: 1, least: 3 }])
  await add([{ id: 2, _gs_op: 'd' }])
  assert.deepEqual(results(), [
    { key: 'value', n: 1, known: 0, total: null, mean_sum: null, mean_count: 0, least: null },
  ])
})

test('sums of floats do not keep what a value that left had rounded away', async t => {
  const { add, results } = await open(
    t,
    { aggregate: { total: { from: 'x', fn: 'sum' } } },
    { columns: { id: 'int64', x: 'float64' } },
  )
  await add([{ id: 1, x: 0.5 }])
  await add([{ id: 2, x: 1e17 }])
  await add([{ id: 2, _gs_op: 'd' }])
  assert.deepEqual(results(), [{ key: 'value', total: 0.5 }])
  await add([{ id: 3, x: Number.POSITIVE_INFINITY }])
  await add([{ id: 4, x: Number.NEGATIVE_INFINITY }])
  await add([{ id: 5, x: 1 }])
  assert.deepEqual(results(), [{ key: 'value', total: null }])
  await add([
    { id: 3, _gs_op: 'd' },
    { id: 4, _gs_op: 'd' },
  ])
  assert.deepEqual(results(), [{ key: 'value', total: 1.5 }])
})

test('a sum of integers beyond 2^63-1 is an error that names the way out, and nothing is rounded', async t => {
  const { add, results } = await open(t, { aggregate: { total: { from: 'amount', fn: 'sum' } } })
  const most = '9223372036854775807'
  await add([{ id: 1, amount: most }])
  assert.deepEqual(results(), [{ key: 'value', total: BigInt(most) }])
  // parts beyond the limit are no error where the whole is within it
  await add([
    { id: 2, amount: most },
    { id: 3, amount: '-9223372036854775807' },
  ])
  assert.deepEqual(results(), [{ key: 'value', total: BigInt(most) }])
  await assert.rejects(add([{ id: 4, amount: 1 }]), {
    code: 'bad_data',
    message: /a sum is 9223372036854775808.*type numeric\(38, 0\)/,
  })
  assert.deepEqual(results(), [{ key: 'value', total: BigInt(most) }])
})

test('decimals and large unsigned integers are added and compared exactly, as text', async t => {
  const { add, results } = await open(
    t,
    {
      aggregate: {
        total: { from: 'price', fn: 'sum' },
        least: { from: 'price', fn: 'min' },
        most: { from: 'price', fn: 'max' },
        wei: { fn: 'sum' },
        top: { from: 'wei', fn: 'max' },
        as_text: { from: 'paid', fn: 'sum', type: 'numeric(30,5)' },
      },
    },
    { columns: { id: 'int64', price: 'decimal128(30, 2)', wei: 'uint64', paid: 'utf8' } },
  )
  await add([
    { id: 1, price: '9.50', wei: '18446744073709551615', paid: '0.1' },
    { id: 2, price: '-10.25', wei: '18446744073709551615', paid: '0.2' },
    { id: 3, price: '1234567890123456789012345678.01', wei: 9, paid: '1e3' },
  ])
  const first = {
    key: 'value',
    total: '1234567890123456789012345677.26',
    least: '-10.25',
    most: '1234567890123456789012345678.01',
  }
  assert.deepEqual(results(), [
    { ...first, wei: '36893488147419103239', top: '18446744073709551615', as_text: '1000.30000' },
  ])
  await add([
    { id: 3, _gs_op: 'd' },
    { id: 2, _gs_op: 'd' },
  ])
  assert.deepEqual(results(), [
    {
      key: 'value',
      total: '9.50',
      least: '9.50',
      most: '9.50',
      wei: '18446744073709551615',
      top: '18446744073709551615',
      as_text: '0.10000',
    },
  ])
})

test('a value that its type cannot hold becomes a dead letter, unless the row is a delete', async t => {
  const { add, results, context } = await open(
    t,
    { aggregate: { total: { from: 'paid', fn: 'sum', type: 'bigint' } } },
    { columns: { id: 'int64', paid: 'utf8' } },
  )
  await add([
    { id: 1, paid: '5' },
    { id: 2, paid: 'five' },
    { id: null, paid: '1' },
  ])
  await add([
    { id: 1, paid: 'gone', _gs_op: 'd' },
    { id: 3, paid: '6' },
  ])
  assert.deepEqual(results(), [{ key: 'value', total: 6 }])
  assert.deepEqual(
    context.deadRows.map(({ message }) => message),
    ['column "paid": "five" is no int64', 'column "id" of the primary key is null'],
  )
})

test('minimum and maximum of times, text and booleans come back when the extreme goes', async t => {
  const { add, results } = await open(
    t,
    {
      aggregate: {
        first: { from: 'at', fn: 'min' },
        last: { from: 'name', fn: 'max' },
        all: { from: 'ok', fn: 'min' },
      },
    },
    { columns: { id: 'int64', at: 'timestamp(us, UTC)', name: 'utf8', ok: 'boolean' } },
  )
  await add([
    { id: 1, at: '2024-01-01T00:00:00Z', name: 'z', ok: false },
    { id: 2, at: '2024-06-01T00:00:00Z', name: 'b', ok: true },
    { id: 3, at: '2024-07-01T00:00:00Z', name: 'a', ok: true },
  ])
  assert.deepEqual(results(), [{ key: 'value', first: '2024-01-01 00:00:00.000000', last: 'z', all: 0 }])
  await add([{ id: 1, _gs_op: 'd' }])
  assert.deepEqual(results(), [{ key: 'value', first: '2024-06-01 00:00:00.000000', last: 'b', all: 1 }])
})

test('names that look like SQL are names', async t => {
  const columns = { id: 'int64', 'g"; --': 'utf8', "v'": 'int64', gid: 'utf8', k0: 'utf8' }
  const path = join(tempFolder(t), 'out.db')
  const { sink } = await openSink(
    t,
    sqliteAggregate,
    {
      path,
      landing_table: 'l "and"',
      agg_table: 'a "gg"',
      primary_key: 'id',
      group_by: { 'x"y': { from: 'g"; --' }, gid: {} },
      aggregate: { 'sum)': { from: "v'", fn: 'sum' }, op: { fn: 'count' } },
    },
    streamOf(columns),
  )
  await sink.begin()
  await sink.write(batchOf(columns, [{ id: 1, 'g"; --': "'); drop", "v'": 2, gid: 'x', k0: 'y' }]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(query(path, 'select * from "a ""gg"""'), [{ 'x"y': "'); drop", gid: 'x', 'sum)': 2, op: 1 }])
  assert.equal(query(path, 'select * from "l ""and"""').length, 1)
})

test('rows that are read again after a reset change nothing', async t => {
  const { add, results, path, sink } = await open(t, balances)
  await add([
    { id: 1, account: 'a', amount: 5 },
    { id: 2, account: 'a', amount: 6 },
  ])
  await sink.close()
  const again = await openSink(
    t,
    sqliteAggregate,
    { path, landing_table: 'landing', agg_table: 'results', primary_key: 'id', ...balances },
    streamOf(types),
  )
  await again.sink.reset()
  await again.sink.begin()
  await again.sink.write(batchOf(types, [{ id: 1, account: 'a', amount: 5 }]), 1)
  await again.sink.commit(checkpoint(1))
  assert.deepEqual(results(), [{ account: 'a', balance: 11 }])
})

test('columns that a user adds to the results are left alone', async t => {
  const { add, results, path } = await open(t, balances)
  await add([{ id: 1, account: 'a', amount: 5 }])
  execute(path, `alter table results add column note text; update results set note = 'mine'`)
  await add([{ id: 2, account: 'a', amount: 5 }])
  assert.deepEqual(results(), [{ account: 'a', balance: 10, note: 'mine' }])
})
