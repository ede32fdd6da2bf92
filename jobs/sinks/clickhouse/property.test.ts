import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { service } from '../../../test/support/servers.ts'
import { batchOf, contextFor, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { crashes, createRuns } from '../../runtime/harness/crashes.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { clickhouse } from './clickhouse.ts'

/** Whatever comes, in whatever epochs, the table shows by FINAL what is left when each row is applied by itself. */

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
const numRuns = Number(process.env.MILLRACE_CLICKHOUSE_RUNS ?? 8)

const types = { id: 'int64', part: 'utf8', version: 'int64', note: 'utf8' }
const row = fc.record({
  id: fc.integer({ min: 0, max: 3 }),
  part: fc.constantFrom('a', "b'\\", 'ä'),
  version: fc.integer({ min: 0, max: 4 }),
  note: fc.option(fc.string({ unit: 'binary', maxLength: 3 })),
  _gs_op: fc.constantFrom('i', 'u', 'd'),
})
type AnyRow = typeof row extends fc.Arbitrary<infer T> ? T : never
const epoch = fc.record({
  batches: fc.array(fc.array(row, { minLength: 1, maxLength: 8 }), { maxLength: 3 }),
  crash: crashes,
})
const settings = fc.record({
  append_only_mode: fc.boolean(),
  versioned: fc.boolean(),
  insert_rows: fc.constantFrom(2, 1_000_000),
})

let tables = 0

test('a table is as if each row had been applied by itself, through crashes and replays', { skip }, async () => {
  await fc.assert(
    fc.asyncProperty(settings, fc.array(epoch, { maxLength: 4 }), async ({ versioned, ...setting }, epochs) => {
      const table = `t${++tables}`
      const config = clickhouse.config.parse({
        from: 'rows',
        table,
        primary_key: 'id, part',
        ...setting,
        // deletes have no version there: they hold for whatever was there before
        ...(versioned && setting.append_only_mode && { version_column_name: 'version' }),
      })
      const runs = createRuns(() => clickhouse.open(config, streamOf(types), contextFor(db.server, { name: table })))
      try {
        await runs.begin(0)
        const model = new Map<string, AnyRow>()
        for (const [at, { batches, crash }] of epochs.entries()) {
          await runs.publish(at + 1, crash, async sink => {
            for (const rows of batches) await sink.write(batchOf(types, rows), at + 1)
          })
          for (const next of batches.flat()) {
            const key = `${next.id} ${next.part}`
            const old = model.get(key)
            if (config.version_column_name !== undefined && old !== undefined && next.version < old.version) continue
            model.set(key, next)
          }
          const live = setting.append_only_mode ? 'WHERE is_deleted = 0' : ''
          const found = await db.rows(`SELECT id, part, version, note FROM ${table} FINAL ${live} ORDER BY id, part`, {
            settings: { output_format_json_quote_64bit_integers: 0 },
          })
          const wanted = [...model.values()]
            .filter(({ _gs_op }) => _gs_op !== 'd')
            .map(({ id, part, version, note }) => ({ id, part, version, note }))
          const order = (rows: object[]) => rows.map(each => JSON.stringify(each)).sort()
          assert.deepEqual(order(found), order(wanted))
        }
      } finally {
        await runs.close()
        await db.run(`DROP TABLE IF EXISTS ${table}`)
      }
    }),
    { numRuns },
  )
})
