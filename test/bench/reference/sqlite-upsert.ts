/** Upserts without a pipeline: one prepared statement per row, rows ready in JavaScript, synced at each commit. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { readyRow } from '../load/ready-row.ts'
import { answer, workerConfig } from '../load/worker.ts'

export interface SqliteUpsertConfig {
  dir: string
  rows: number
  /** different keys */
  keys: number
}

export interface SqliteUpsertResult {
  rowsPerSecond: number
}

const transactionRows = 100_000

function sqliteUpsert({ dir, rows, keys }: SqliteUpsertConfig): SqliteUpsertResult {
  const db = new Database(join(dir, 'out.db'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(
    'create table orders (id integer primary key, customer text, country text, amount real, ordered_at text, detail text) strict',
  )
  const upsert = db.prepare(
    `insert into orders values (?, ?, ?, ?, ?, ?) on conflict (id) do update set customer = excluded.customer,
       country = excluded.country, amount = excluded.amount, ordered_at = excluded.ordered_at, detail = excluded.detail`,
  )
  const templates = Array.from({ length: 65_536 }, (_, at) => readyRow(at))
  const store = db.transaction((from: number, to: number) => {
    for (let at = from; at < to; at++) {
      const { customer, country, amount, ordered_at, detail } = templates[at % templates.length]!
      upsert.run(at % keys, customer, country, amount, ordered_at, detail)
    }
  })
  const from = performance.now()
  for (let at = 0; at < rows; at += transactionRows) store(at, Math.min(at + transactionRows, rows))
  const rowsPerSecond = (rows * 1000) / (performance.now() - from)
  db.close()
  return { rowsPerSecond }
}

if (import.meta.main) await answer(async () => sqliteUpsert(workerConfig()))
