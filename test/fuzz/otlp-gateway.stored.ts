import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import type { Records } from '../../core/otlp/records.ts'
import { rowsOf } from '../../core/otlp/rows.ts'
import { otlpTableNames, otlpTables } from '../../core/otlp/tables.ts'

type Value = string | number | bigint | null

/** What the answers said of a stream. */
export interface Told {
  stream: string
  count: number
  /** what its requests were, one behind the other, where that is known */
  requests?: readonly Records[]
  /** positions that may be stored in other streams, since nobody waited for the answer */
  unacknowledged?: number
}

export const toldOf = (stream: string, requests: readonly Records[]): Told => ({
  stream,
  count: requests.reduce((sum, { count }) => sum + count, 0),
  requests,
})

/** Compares the tables of a stopped gateway with what its answers said. */
export interface Stored {
  /** Throws unless the stream holds just that. */
  check(told: Told): void
  /** Throws where something is stored that no check asked for. */
  checkRest(): void
  close(): void
}

export function openStored(file: string): Stored {
  const db = new Database(file, { readonly: true })
  const streamOf = db.prepare<[string], { stream_id: number; count: number }>(
    'select stream_id, count from streams where stream_key = ?',
  )
  const tables = otlpTableNames.map(table => ({
    table,
    rows: db
      .prepare<[number], Record<string, Value>>(
        `select stream_index, ${otlpTables[table].map(([name]) => name)} from ${table} where stream_id = ? order by stream_index`,
      )
      .safeIntegers(),
  }))
  const deadOf = db.prepare<[number]>(
    'select stream_index, code, message, size, raw from dead_letters where stream_id = ? order by stream_index',
  )
  let asked = 0
  let unknown = 0

  return {
    check({ stream, count, requests, unacknowledged = 0 }) {
      const known = streamOf.get(stream)
      assert.equal(known?.count ?? 0, count, `the count of ${stream}`)
      asked += count
      unknown += unacknowledged
      if (known === undefined || requests === undefined) return
      const { rows, dead } = expectedOf(requests)
      const found = tables.flatMap(({ table, rows }) =>
        rows
          .all(known.stream_id)
          .map(({ stream_index, ...row }) => ({ table, at: Number(stream_index), row: plain(row) })),
      )
      assert.deepEqual(
        found.sort((a, b) => a.at - b.at),
        rows,
        stream,
      )
      assert.deepEqual(deadOf.all(known.stream_id), dead, stream)
    },
    checkRest() {
      const counts = [...otlpTableNames, 'dead_letters', 'events'].map(
        table => db.prepare(`select count(*) from ${table}`).pluck().get() as number,
      )
      const total = counts.reduce((sum, count) => sum + count, 0)
      assert.ok(
        total >= asked && total <= asked + unknown,
        `${total} rows and dead letters are stored, the answers told of ${asked}, and ${unknown} more are possible`,
      )
    },
    close: () => db.close(),
  }
}

function expectedOf(requests: readonly Records[]): { rows: object[]; dead: object[] } {
  const [rows, dead]: [object[], object[]] = [[], []]
  let base = 0
  for (const records of requests) {
    for (const { table, at, row } of rowsOf(records)) rows.push({ table, at: base + at, row: plain(row) })
    for (const { at, code, message, size, raw } of records.dead)
      dead.push({ stream_index: base + at, code, message, size, raw: Buffer.from(raw) })
    base += records.count
  }
  return { rows, dead }
}

/** The values as both sides can tell them: one zero, one kind of integer, and text where SQLite has no such number. */
function plain(row: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]))
}

function plainValue(value: Value): Value {
  if (typeof value === 'bigint') {
    if (value >= 2n ** 63n) return String(value)
    return BigInt.asIntN(54, value) === value ? Number(value) : value
  }
  if (typeof value === 'number') return Number.isNaN(value) ? 'NaN' : value + 0
  return value
}
