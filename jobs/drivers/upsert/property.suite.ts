import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Sink } from '../../runtime/contract.ts'
import { crashes, createRuns } from '../../runtime/harness/crashes.suite.ts'
import { batchOf } from '../sqlite-sink/harness.suite.ts'

/** Whatever comes, in whatever epochs, the table is as if each row had been applied by itself. */

export const upsertTypes = { id: 'int64', part: 'utf8', version: 'int64', note: 'utf8' }

const row = fc.record({
  id: fc.integer({ min: 0, max: 3 }),
  part: fc.constantFrom('a', 'b', 'B'),
  version: fc.option(fc.integer({ min: 0, max: 4 })),
  // one that every database takes
  note: fc.option(fc.string({ maxLength: 3 }).map(text => text.replaceAll('\0', ''))),
  _gs_op: fc.constantFrom('i', 'u', 'd'),
})
type AnyRow = typeof row extends fc.Arbitrary<infer T> ? T : never

const epoch = fc.record({
  batches: fc.array(fc.array(row, { minLength: 1, maxLength: 8 }), { maxLength: 4 }),
  crash: crashes,
})

const settings = fc.record({
  on_conflict: fc.constantFrom('update', 'nothing'),
  update_where: fc.constantFrom({}, {}, { version: '>' as const }, { version: '!=' as const }),
  nocase: fc.boolean(),
})

type Table = Map<string, AnyRow & { kept: string }>
type Setting = typeof settings extends fc.Arbitrary<infer T> ? T : never

export interface UpsertPlace {
  /** A sink into table `t` with `primary_key: id, part`. */
  open(config: object): Promise<Sink>
  query(sql: string): Promise<Record<string, unknown>[]> | Record<string, unknown>[]
  execute(sql: string): Promise<void> | void
  remove(): Promise<void> | void
}

export interface UpsertSubject {
  skip?: string | false
  runs: number
  /**
   * A database with an empty table `t (id, part, version, note, kept text default 'own', primary key (part, id))`;
   * `nocase`: parts are equal in any case
   */
  place(nocase: boolean): Promise<UpsertPlace> | UpsertPlace
}

function apply(table: Table, next: AnyRow, { on_conflict, update_where, nocase }: Setting): void {
  const key = `${next.id} ${nocase ? next.part.toLowerCase() : next.part}`
  const old = table.get(key)
  if (next._gs_op === 'd') table.delete(key)
  else if (old === undefined) table.set(key, { ...next, kept: 'own' })
  else if (on_conflict === 'update' && replaces(update_where.version, next.version, old.version))
    // the key stays as it was first written
    table.set(key, { ...next, id: old.id, part: old.part, kept: old.kept })
}

function replaces(op: string | undefined, value: number | null, old: number | null): boolean {
  if (op === undefined) return true
  if (value === null || old === null) return false
  return op === '>' ? value > old : value !== old
}

export function upsertPropertySuite({ skip = false, runs: numRuns, place }: UpsertSubject): void {
  test('a table is as if each row had been applied by itself, through crashes and replays', { skip }, async () => {
    const property = fc.asyncProperty(settings, fc.array(epoch, { maxLength: 4 }), async (setting, epochs) => {
      const { on_conflict } = setting
      const update_where = on_conflict === 'update' ? setting.update_where : {}
      const { open, query, execute, remove } = await place(setting.nocase)
      const runs = createRuns(() => open({ table: 't', primary_key: 'id, part', on_conflict, update_where }))
      try {
        await runs.begin(0)
        const table: Table = new Map()
        for (const [at, { batches, crash }] of epochs.entries()) {
          await runs.publish(at + 1, crash, async sink => {
            for (const rows of batches) await sink.write(batchOf(upsertTypes, rows), at + 1)
          })
          for (const next of batches.flat()) apply(table, next, { ...setting, update_where })
          const order = (rows: object[]) => rows.map(each => JSON.stringify(each)).sort()
          const wanted = [...table.values()].map(({ id, part, version, note, kept }) => ({
            id,
            part,
            version,
            note,
            kept,
          }))
          assert.deepEqual(order(await query('select id, part, version, note, kept from t')), order(wanted))
          // a column that the rows do not have shows what was updated, and what was deleted and inserted again
          await execute("update t set kept = 'seen'")
          for (const each of table.values()) each.kept = 'seen'
        }
      } finally {
        await runs.close()
        await remove()
      }
    })
    await fc.assert(property, { numRuns })
  })
}
