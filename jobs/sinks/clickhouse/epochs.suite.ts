import assert from 'node:assert/strict'
import type { RecordBatch } from 'apache-arrow'
import { batchOf, type TestDatabase } from '../../drivers/clickhouse/harness.suite.ts'

/** Rows that anyone can make again from the number of their epoch. */

export const epochTypes = { id: 'int64', team: 'utf8', points: 'int64' } as const

interface EpochRow {
  id: number
  team: string | null
  points: number
  _gs_op: 'i' | 'u' | 'd'
  [column: string]: string | number | null
}

const ids = 60
const rowsOfEpoch = 250

export function epochRows(epoch: number): EpochRow[] {
  const random = generator(epoch)
  return Array.from({ length: rowsOfEpoch }, () => ({
    id: random(ids),
    team: random(8) === 0 ? null : `team ${random(5)}`,
    points: random(1000) - 500,
    _gs_op: random(4) === 0 ? 'd' : random(2) === 0 ? 'u' : 'i',
  }))
}

export const epochBatches = (epoch: number): RecordBatch[] => {
  const rows = epochRows(epoch)
  return [rows.slice(0, 100), rows.slice(100)].map(part => batchOf(epochTypes, part))
}

/** A change log: it keeps every row, so that one that comes twice is seen. */
export async function makeLog(db: TestDatabase, table: string): Promise<void> {
  await db.run(
    `CREATE TABLE ${table} (id Int64, team Nullable(String), points Int64, is_deleted UInt8, insert_time DateTime64(6, 'UTC')) ENGINE = MergeTree ORDER BY id PARTITION BY id % 3 SETTINGS non_replicated_deduplication_window = 1000`,
  )
}

/** Fails unless the log has exactly the rows of the epochs up to this one. */
export async function assertIs(db: TestDatabase, table: string, epoch: number): Promise<void> {
  const rows = await db.rows<{ row: string }>(
    `SELECT concat(toString(id), ' ', ifNull(team, '-'), ' ', toString(points), ' ', toString(is_deleted)) AS row FROM ${table}`,
  )
  const wanted = Array.from({ length: epoch }, (_, at) => epochRows(at + 1))
    .flat()
    .map(({ id, team, points, _gs_op }) => `${id} ${team ?? '-'} ${points} ${_gs_op === 'd' ? 1 : 0}`)
  assert.deepEqual(rows.map(({ row }) => row).sort(), wanted.sort())
}

/** Whole numbers below the limit, the same for the same seed (mulberry32). */
export function generator(seed: number): (limit: number) => number {
  let state = seed * 0x9e3779b9
  return limit => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}
