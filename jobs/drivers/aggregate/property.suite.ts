import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Sink, Stream } from '../../runtime/contract.ts'
import { crashes, createRuns } from '../../runtime/harness/crashes.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { batchOf } from '../sqlite-sink/harness.suite.ts'

export interface PropertyPlace {
  /** a sink with its own keys for the place beside these */
  open(config: object, input: Stream): Promise<Sink>
  /** of table `results` */
  results(): Promise<Record<string, unknown>[]> | Record<string, unknown>[]
  dropResults(): Promise<void> | void
  remove(): Promise<void> | void
}

export interface PropertySubject {
  skip?: string | false
  runs: number
  place(): PropertyPlace
  /** as the database gives it: of `2024-01-01 00:00:00.5` */
  time(text: string): string
}

/** Whatever comes, in whatever epochs, the results are those of a GROUP BY over the rows that are there. */

const types = {
  id: 'int64',
  region: 'utf8',
  level: 'int64',
  amount: 'int64',
  price: 'float64',
  cost: 'decimal128(20, 2)',
  seen: 'timestamp',
} as const

const row = fc.record({
  id: fc.integer({ min: 0, max: 5 }),
  region: fc.constantFrom('n', 's', null),
  level: fc.constantFrom(1, null),
  amount: fc.oneof(
    fc.integer({ min: -9, max: 9 }),
    fc.constantFrom(null, '4611686018427387904', '-4611686018427387904'),
  ),
  // sums of halves are exact in any order; that of 2^60 and a half is not
  price: fc.oneof(
    fc.integer({ min: -9, max: 9 }).map(half => half / 2),
    fc.constantFrom(null, 2 ** 60),
  ),
  cost: fc.constantFrom(null, '0.01', '-10.50', '123456789012345678.99', '9.00'),
  seen: fc.constantFrom(null, '2024-01-01T00:00:00Z', '1969-12-31T23:59:59.5Z'),
  _gs_op: fc.constantFrom('i', 'i', 'u', 'd'),
})
type AnyRow = typeof row extends fc.Arbitrary<infer T> ? T : never

const epoch = fc.record({
  batches: fc.array(fc.array(row, { minLength: 1, maxLength: 6 }), { maxLength: 4 }),
  crash: crashes,
  finalize: fc.boolean(),
})

const groupings = fc.constantFrom(
  {},
  { region: {} },
  { region: { type: 'text' }, tier: { from: 'level', type: 'bigint' } },
)

const aggregate = {
  n: { fn: 'count' },
  known: { from: 'price', fn: 'count' },
  total: { from: 'amount', fn: 'sum', type: 'numeric(38, 0)' },
  price: { fn: 'sum' },
  mean: { from: 'cost', fn: 'avg' },
  least: { from: 'amount', fn: 'min' },
  most: { from: 'price', fn: 'max' },
  dearest: { from: 'cost', fn: 'max' },
  cheapest: { from: 'cost', fn: 'min' },
  first: { from: 'seen', fn: 'min' },
} as const

const cents = (text: string) => BigInt(text.replace('.', ''))
const text = (value: bigint) => {
  const digits = String(value < 0n ? -value : value).padStart(3, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
const lowest = <T extends bigint | number | string>(values: readonly T[]): T | null =>
  values.length === 0 ? null : values.reduce((a, b) => (b < a ? b : a))
const highest = <T extends bigint | number | string>(values: readonly T[]): T | null =>
  values.length === 0 ? null : values.reduce((a, b) => (b > a ? b : a))

function resultOf(rows: readonly AnyRow[], time: PropertySubject['time']) {
  const values = <K extends keyof AnyRow>(name: K) =>
    rows.map(each => each[name]).filter(value => value !== null) as NonNullable<AnyRow[K]>[]
  const amounts = values('amount').map(BigInt)
  const costs = values('cost').map(cents)
  const sum = (numbers: readonly bigint[]) => numbers.reduce((total, number) => total + number, 0n)
  const [dearest, cheapest] = [highest(costs), lowest(costs)]
  return {
    n: rows.length,
    known: values('price').length,
    total: amounts.length === 0 ? null : String(sum(amounts)),
    price: values('price'),
    mean_sum: costs.length === 0 ? null : text(sum(costs)),
    mean_count: costs.length,
    least: lowest(amounts),
    most: highest(values('price')),
    dearest: dearest === null ? null : text(dearest),
    cheapest: cheapest === null ? null : text(cheapest),
    first: lowest(values('seen').map(iso => time(iso.slice(0, -1).replace('T', ' ')))),
  }
}

/** Any order of adding floats is right, and none that keeps what a value that left had rounded away. */
function isSum(found: unknown, values: readonly number[]): boolean {
  if (values.length === 0) return found === null
  const big = values.filter(value => value === 2 ** 60).length
  const small = values.filter(value => value !== 2 ** 60).reduce((sum, value) => sum + value, 0)
  if (big === 0) return found === small
  return typeof found === 'number' && Math.abs(found - big * 2 ** 60 - small) <= 256 * values.length
}

export function aggregatePropertySuite({ skip = false, runs: numRuns, place, time }: PropertySubject): void {
  test(
    'results are those of a GROUP BY over the rows that are there, through crashes and replays',
    { skip },
    async () => {
      const property = fc.asyncProperty(groupings, fc.array(epoch, { maxLength: 5 }), async (group_by, epochs) => {
        const { open, results, dropResults, remove } = place()
        const config = { landing_table: 'landing', agg_table: 'results', primary_key: 'id', group_by, aggregate }
        const runs = createRuns(() => open(config, streamOf(types)))
        try {
          await runs.begin(0)
          const there = new Map<number, AnyRow>()
          for (const [at, { batches, crash, finalize }] of epochs.entries()) {
            await runs.publish(at + 1, crash, async sink => {
              for (const rows of batches) await sink.write(batchOf(types, rows), at + 1)
            })
            if (finalize) await runs.sink.finalized!(at + 1)
            for (const next of batches.flat()) {
              if (next._gs_op === 'd') there.delete(next.id)
              else there.set(next.id, next)
            }
            assertResults(await results(), Object.keys(group_by), [...there.values()], time)
            // the results come back from what they were computed from
            if (crash === 'after') {
              await dropResults()
              await runs.begin(at + 1)
              assertResults(await results(), Object.keys(group_by), [...there.values()], time)
            }
          }
        } finally {
          await runs.close()
          await remove()
        }
      })
      await fc.assert(property, { numRuns })
    },
  )
}

function assertResults(
  found: readonly Record<string, unknown>[],
  names: readonly string[],
  rows: readonly AnyRow[],
  time: PropertySubject['time'],
): void {
  const keyOf = (each: AnyRow) =>
    JSON.stringify(names.length === 0 ? ['value'] : names.map(name => (name === 'tier' ? each.level : each.region)))
  const groups = new Map<string, AnyRow[]>()
  for (const each of rows) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each])
  const columns = names.length === 0 ? ['key'] : names
  assert.equal(found.length, groups.size)
  for (const result of found) {
    const group = groups.get(JSON.stringify(columns.map(name => result[name])))
    assert.ok(group !== undefined, `no rows make the group ${JSON.stringify(columns.map(name => result[name]))}`)
    const { price, least, ...rest } = resultOf(group, time)
    const { price: foundPrice, least: foundLeast, ...foundRest } = result
    for (const name of columns) delete foundRest[name]
    assert.deepEqual(foundRest, rest)
    assert.equal(foundLeast === null ? null : BigInt(foundLeast as number), least)
    assert.ok(isSum(foundPrice, price), `the sum of ${price} is ${foundPrice}`)
  }
}
