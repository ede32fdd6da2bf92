import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { contextFor, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { clickhouse } from './clickhouse.ts'
import { drain, made } from './harness.suite.ts'

/** Whatever the key and the rows are: each row comes once, and every stretch between two positions can be read again. */

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
const numRuns = Number(process.env.MILLRACE_CLICKHOUSE_RUNS ?? 6)

/** Expressions over `n`, which make few or many equal keys. */
const parts = [
  ['UInt64', 'n * 3'],
  ['Int32', 'toInt32(n % 5) - 2'],
  ['Int256', "toInt256('-99999999999999999999999') * n"],
  ['String', "concat('it''s ', toString(n % 11), '\\\\', unhex('00ff'))"],
  ['LowCardinality(String)', "if(n % 3 = 0, '', toString(n % 7))"],
  ['FixedString(4)', 'toFixedString(toString(n % 13), 4)'],
  ['Date', "toDate('2024-01-01') + n % 4"],
  ["DateTime('Europe/Berlin')", "toDateTime('2024-10-26 22:00:00') + n * 600"],
  ["DateTime64(4, 'Asia/Tokyo')", "toDateTime64('1969-12-31 23:59:59.5', 4) + n % 17"],
  ['Decimal(20, 3)', 'toDecimal64(n, 3) / 8 - 4'],
  ['Float64', '(n % 9) / 7 - 0.5'],
  ['UUID', 'reinterpretAsUUID(toFixedString(toString(n % 19), 16))'],
  ["Enum8('z' = 1, 'a' = 2)", "if(n % 2 = 0, 'z', 'a')"],
  ['IPv4', 'toIPv4(toUInt32(n))'],
  ['Bool', 'n % 2 = 0'],
] as const
const setting = fc.record({
  key: fc.uniqueArray(fc.integer({ min: 0, max: parts.length - 1 }), { minLength: 1, maxLength: 3 }),
  expression: fc.boolean(),
  rows: fc.integer({ min: 1, max: 120 }),
  batch: fc.integer({ min: 4, max: 60 }),
  range: fc.constantFrom(100, 1_000_000),
  filter: fc.constantFrom(undefined, 'n % 4 != 1'),
  engine: fc.constantFrom('MergeTree', 'ReplacingMergeTree(v)'),
  seed: fc.nat(),
})

test('each row comes once, and stretches come again as they were', { skip }, async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ key, expression, rows, batch, range, filter, engine, seed }) => {
      const columns = ['n UInt64', 'v UInt64', ...key.map((part, at) => `k${at} ${parts[part]![0]}`)].join(', ')
      const order = key.map((_, at) => `k${at}`)
      if (expression) order.unshift('intHash32(n)')
      const values = key.map(part => parts[part]![1]).join(', ')
      const table = await made(
        db,
        columns,
        `${engine} ORDER BY (${order.join(', ')})`,
        `SELECT number AS n, cityHash64(number, ${seed}) AS v, ${values} FROM numbers(${rows}) ORDER BY v`,
      )
      const where = filter === undefined ? '' : `WHERE ${filter}`
      const final = engine === 'MergeTree' ? '' : 'FINAL'
      const wanted = (await db.rows<{ n: string }>(`SELECT n FROM ${table} ${final} ${where}`)).map(({ n }) =>
        Number(n),
      )
      const source = await clickhouse.open(
        clickhouse.config.parse({ table_name: table, columns: 'n', ...(filter && { filter }) }),
        contextFor(db.server, { source: { sort_key_range: range }, settings: { record_batch_size: batch } }),
      )
      try {
        const sorted = (found: Record<string, unknown>[]) => found.map(row => Number(row.n)).sort((a, b) => a - b)
        const start = await source.start()
        const { pages, rows: found } = await drain(source, start)
        assert.deepEqual(
          sorted(found),
          wanted.sort((a, b) => a - b),
        )
        assert.ok(pages.every(page => page.rows.length <= batch))
        const positions = [start, ...pages.map(({ position }) => position)]
        const from = seed % positions.length
        const to = from + 1 + (seed % 3)
        if (to < positions.length) {
          const again = await drain(source, positions[from]!, positions[to]!)
          assert.deepEqual(sorted(again.rows), sorted(pages.slice(from, to).flatMap(page => page.rows)))
          assert.deepEqual(again.pages.at(-1)?.position, positions[to])
        }
        const rest = await drain(source, positions[from]!)
        assert.deepEqual(sorted(rest.rows), sorted(pages.slice(from).flatMap(page => page.rows)))
      } finally {
        await source.close()
        await db.run(`DROP TABLE ${table}`)
      }
    }),
    { numRuns },
  )
})
