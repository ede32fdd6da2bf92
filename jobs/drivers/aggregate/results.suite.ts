import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Row } from '../../runtime/batch/build.ts'
import type { Sink, Stream } from '../../runtime/contract.ts'
import type { Watched } from '../../runtime/harness/context.suite.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { batchOf } from '../sqlite-sink/harness.suite.ts'

export interface ResultsSubject {
  skip?: string | false
  /** A database of the test's own: a file, a schema. */
  place(t: TestContext): string
  /** A sink with its own keys for the place beside these; closed with the test. */
  open(t: TestContext, place: string, config: object, input: Stream): Promise<{ sink: Sink; context: Watched }>
  /** All rows of a table, in any order. */
  rows(place: string, table: string): Promise<Record<string, unknown>[]> | Record<string, unknown>[]
  execute(place: string, sql: string): Promise<void> | void
  /** as the database gives it: of `2024-01-01 00:00:00` */
  time(text: string): string
  truth(value: boolean): unknown
  /** infinity less infinity */
  noNumber: number | null
  /** what is wrong with a text that should be a bigint */
  misfit(text: string): string
}

interface Options {
  columns?: Types
  /** one row per batch */
  single?: boolean
  /** of an earlier sink */
  place?: string
  reset?: boolean
}

const types = { id: 'int64', account: 'utf8', amount: 'int64' }
const balances = { group_by: { account: { type: 'text' } }, aggregate: { balance: { from: 'amount', fn: 'sum' } } }

/** What every sink promises that aggregates. */
export function resultsSuite(subject: ResultsSubject): void {
  const check = (name: string, run: (t: TestContext) => Promise<void>) =>
    test(name, { skip: subject.skip ?? false }, run)

  async function open(t: TestContext, config: object, options: Options = {}) {
    const { columns = types, single = false, place = subject.place(t), reset = false } = options
    const all = { landing_table: 'landing', agg_table: 'results', primary_key: 'id', ...config }
    const { sink, context } = await subject.open(t, place, all, streamOf(columns))
    if (reset) await sink.reset()
    await sink.begin()
    let epoch = 0
    const ordered = async (table: string) => {
      const rows = await subject.rows(place, table)
      return rows
        .map(
          row => [JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value)), row] as const,
        )
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, row]) => row)
    }
    return {
      place,
      sink,
      context,
      results: () => ordered(all.agg_table),
      landing: () => ordered(all.landing_table),
      /** The rows as one epoch. */
      async add(rows: readonly Row[], shape: Types = columns) {
        epoch++
        const batches = single ? rows.map(row => [row]) : [rows]
        for (const batch of batches) await sink.write(batchOf(shape, batch), epoch)
        await sink.commit(checkpoint(epoch))
      },
    }
  }

  for (const append_only of [false, true]) {
    const mode = append_only ? ' (append_only)' : ''

    check(`inserts are added and deletes taken back${mode}`, async t => {
      const { add, results } = await open(t, { ...balances, append_only, parallelism: 2 })
      await add([
        { id: 1, account: 'alice', amount: 100 },
        { id: 2, account: 'bob', amount: 200 },
        { id: 3, account: 'alice', amount: 50 },
        { id: 4, account: 'bob', amount: -75 },
        { id: 5, account: 'alice', amount: -30 },
        { id: 6, account: 'alice', amount: 7 },
      ])
      await add([{ id: 6, account: 'alice', amount: 7, _gs_op: 'd' }])
      assert.deepEqual(await results(), [
        { account: 'alice', balance: 120 },
        { account: 'bob', balance: 125 },
      ])
    })

    check(`a row that comes again is counted once, in batches of one and in the next epoch${mode}`, async t => {
      const { add, results } = await open(
        t,
        { ...balances, aggregate: { ...balances.aggregate, n: { fn: 'count' } }, append_only, batch_size: 1 },
        { single: true },
      )
      const row = { id: 1, account: 'alice', amount: 100 }
      await add([row, row, { id: 2, account: 'alice', amount: 20 }])
      await add([row])
      assert.deepEqual(await results(), [{ account: 'alice', balance: 120, n: 2 }])
    })

    check(`landing rows have key, operation and epoch, and go once the next epoch is final${mode}`, async t => {
      const { add, landing, sink } = await open(t, { ...balances, append_only })
      await add([
        { id: 1, account: 'a', amount: 1 },
        { id: 1, account: 'a', amount: 1, _gs_op: 'd' },
      ])
      await add([{ id: 1, account: 'a', amount: 2 }])
      assert.deepEqual(await landing(), [
        { id: 1, account: 'a', amount: 1, _gs_op: 'd', _gs_checkpoint_epoch: 1 },
        { id: 1, account: 'a', amount: 2, _gs_op: 'i', _gs_checkpoint_epoch: 2 },
      ])
      await sink.finalized!(1)
      assert.equal((await landing()).length, 2)
      await sink.finalized!(2)
      assert.deepEqual(await landing(), [{ id: 1, account: 'a', amount: 2, _gs_op: 'i', _gs_checkpoint_epoch: 2 }])
      await sink.finalized!(3)
      await sink.finalized!(3)
      assert.deepEqual(await landing(), [])
    })

    check(`without group_by there is one row, whose key is 'value'${mode}`, async t => {
      const { add, results } = await open(t, { aggregate: { total_count: { fn: 'count' } }, append_only })
      assert.deepEqual(await results(), [])
      await add([{ id: 1 }, { id: 2 }])
      assert.deepEqual(await results(), [{ key: 'value', total_count: 2 }])
    })

    check(`null groups are one group, also in a later epoch${mode}`, async t => {
      const { add, results } = await open(t, { ...balances, append_only })
      await add([
        { id: 1, amount: 1 },
        { id: 2, amount: 2 },
      ])
      await add([
        { id: 3, account: null, amount: 4 },
        { id: 4, account: 'null', amount: 8 },
      ])
      assert.deepEqual(await results(), [
        { account: 'null', balance: 8 },
        { account: null, balance: 7 },
      ])
    })

    check(`columns that are new within a run land too${mode}`, async t => {
      const { add, landing, results } = await open(t, { ...balances, append_only })
      await add([{ id: 1, account: 'a', amount: 1, note: 'x' }], { ...types, note: 'utf8' })
      assert.equal((await landing())[0]!.note, 'x')
      assert.deepEqual(await results(), [{ account: 'a', balance: 1 }])
    })
  }

  check('an update replaces what the row gave before, and a row can move to another group', async t => {
    const { add, results } = await open(t, { ...balances, aggregate: { ...balances.aggregate, n: { fn: 'count' } } })
    await add([
      { id: 1, account: 'a', amount: 5 },
      { id: 2, account: 'a', amount: 1 },
    ])
    await add([{ id: 1, account: 'a', amount: 7, _gs_op: 'u' }])
    assert.deepEqual(await results(), [{ account: 'a', balance: 8, n: 2 }])
    await add([{ id: 1, account: 'b', amount: 7, _gs_op: 'u' }])
    assert.deepEqual(await results(), [
      { account: 'a', balance: 1, n: 1 },
      { account: 'b', balance: 7, n: 1 },
    ])
    await add([{ id: 2, account: 'b', amount: 1 }])
    assert.deepEqual(await results(), [{ account: 'b', balance: 8, n: 2 }])
  })

  check('a delete undoes what was stored, whatever it says itself, and an unknown key undoes nothing', async t => {
    const { add, results } = await open(t, balances)
    await add([
      { id: 1, account: 'a', amount: 5 },
      { id: 2, account: 'b', amount: 1 },
    ])
    await add([
      { id: 1, account: 'b', amount: 99, _gs_op: 'd' },
      { id: 3, account: 'b', amount: 1, _gs_op: 'd' },
    ])
    assert.deepEqual(await results(), [{ account: 'b', balance: 1 }])
  })

  check('what append_only gets wrong is what its README says', async t => {
    const { add, results } = await open(t, {
      ...balances,
      aggregate: { ...balances.aggregate, n: { fn: 'count' }, most: { from: 'amount', fn: 'max' } },
      append_only: true,
    })
    await add([{ id: 1, account: 'a', amount: 5 }])
    await add([{ id: 1, account: 'a', amount: 7, _gs_op: 'u' }])
    await add([{ id: 1, account: 'a', amount: 7, _gs_op: 'd' }])
    assert.deepEqual(await results(), [{ account: 'a', balance: 5, n: 0, most: 7 }])
  })

  check('append_only without a key counts every row', async t => {
    const { add, results } = await open(t, { ...balances, primary_key: [], append_only: true })
    await add([
      { id: 1, account: 'a', amount: 5 },
      { id: 1, account: 'a', amount: 5 },
    ])
    assert.deepEqual(await results(), [{ account: 'a', balance: 10 }])
  })

  check('nulls are left out of everything but the count of rows, and only nulls have no sum', async t => {
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
    assert.deepEqual(await results(), [
      { key: 'value', n: 2, known: 1, total: 3, mean_sum: 3, mean_count: 1, least: 3 },
    ])
    await add([{ id: 2, _gs_op: 'd' }])
    assert.deepEqual(await results(), [
      { key: 'value', n: 1, known: 0, total: null, mean_sum: null, mean_count: 0, least: null },
    ])
  })

  check('sums of floats do not keep what a value that left had rounded away', async t => {
    const { add, results } = await open(
      t,
      { aggregate: { total: { from: 'x', fn: 'sum' } } },
      { columns: { id: 'int64', x: 'float64' } },
    )
    await add([{ id: 1, x: 0.5 }])
    await add([{ id: 2, x: 1e17 }])
    await add([{ id: 2, _gs_op: 'd' }])
    assert.deepEqual(await results(), [{ key: 'value', total: 0.5 }])
    await add([{ id: 3, x: Number.POSITIVE_INFINITY }])
    await add([{ id: 4, x: Number.NEGATIVE_INFINITY }])
    await add([{ id: 5, x: 1 }])
    assert.deepEqual(await results(), [{ key: 'value', total: subject.noNumber }])
    await add([
      { id: 3, _gs_op: 'd' },
      { id: 4, _gs_op: 'd' },
    ])
    assert.deepEqual(await results(), [{ key: 'value', total: 1.5 }])
  })

  check('a sum of integers beyond 2^63-1 is an error that names the way out, and nothing is rounded', async t => {
    const { add, results } = await open(t, { aggregate: { total: { from: 'amount', fn: 'sum' } } })
    const most = '9223372036854775807'
    await add([{ id: 1, amount: most }])
    assert.deepEqual(await results(), [{ key: 'value', total: BigInt(most) }])
    // parts beyond the limit are no error where the whole is within it
    await add([
      { id: 2, amount: most },
      { id: 3, amount: '-9223372036854775807' },
    ])
    assert.deepEqual(await results(), [{ key: 'value', total: BigInt(most) }])
    await assert.rejects(add([{ id: 4, amount: 1 }]), {
      code: 'bad_data',
      message: /a sum is .*type numeric\(38, 0\)/,
    })
    assert.deepEqual(await results(), [{ key: 'value', total: BigInt(most) }])
  })

  check('decimals and large unsigned integers are added and compared exactly, as text', async t => {
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
    assert.deepEqual(await results(), [
      { ...first, wei: '36893488147419103239', top: '18446744073709551615', as_text: '1000.30000' },
    ])
    await add([
      { id: 3, _gs_op: 'd' },
      { id: 2, _gs_op: 'd' },
    ])
    assert.deepEqual(await results(), [
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

  check('a value that its type cannot hold becomes a dead letter, unless the row is a delete', async t => {
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
    assert.deepEqual(await results(), [{ key: 'value', total: 6 }])
    assert.deepEqual(context.deadRows.map(({ message }) => message).sort(), [
      'column "id" of the primary key is null',
      `column "paid": ${subject.misfit('five')}`,
    ])
  })

  check('minimum and maximum of times, text and booleans come back when the extreme goes', async t => {
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
    assert.deepEqual(await results(), [
      { key: 'value', first: subject.time('2024-01-01 00:00:00'), last: 'z', all: subject.truth(false) },
    ])
    await add([{ id: 1, _gs_op: 'd' }])
    assert.deepEqual(await results(), [
      { key: 'value', first: subject.time('2024-06-01 00:00:00'), last: 'b', all: subject.truth(true) },
    ])
  })

  check('names that look like SQL are names', async t => {
    const columns = { id: 'int64', 'g"; --': 'utf8', "v'": 'int64', gid: 'utf8', k0: 'utf8' }
    const { add, results, landing } = await open(
      t,
      {
        landing_table: 'l "and"',
        agg_table: 'a "gg"',
        group_by: { 'x"y': { from: 'g"; --' }, gid: {} },
        aggregate: { 'sum)': { from: "v'", fn: 'sum' }, op: { fn: 'count' } },
      },
      { columns },
    )
    await add([{ id: 1, 'g"; --': "'); drop", "v'": 2, gid: 'x', k0: 'y' }])
    assert.deepEqual(await results(), [{ 'x"y': "'); drop", gid: 'x', 'sum)': 2, op: 1 }])
    assert.equal((await landing()).length, 1)
  })

  check('rows that are read again after a reset change nothing', async t => {
    const first = await open(t, balances)
    await first.add([
      { id: 1, account: 'a', amount: 5 },
      { id: 2, account: 'a', amount: 6 },
    ])
    await first.sink.close()
    const { add, results } = await open(t, balances, { place: first.place, reset: true })
    await add([{ id: 1, account: 'a', amount: 5 }])
    assert.deepEqual(await results(), [{ account: 'a', balance: 11 }])
  })

  check('columns that a user adds to the results are left alone', async t => {
    const { add, results, place } = await open(t, balances)
    await add([{ id: 1, account: 'a', amount: 5 }])
    for (const sql of [`alter table results add column note text`, `update results set note = 'mine'`])
      await subject.execute(place, sql)
    await add([{ id: 2, account: 'a', amount: 5 }])
    assert.deepEqual(await results(), [{ account: 'a', balance: 10, note: 'mine' }])
  })
}
