/** What one process can store of the same rows, ready in JavaScript: one prepared insert per row. */
import { decodeOtlp } from '../../../core/otlp/protobuf/decode.ts'
import type { Signal } from '../../../core/otlp/records.ts'
import { type RowValue, rowsOf } from '../../../core/otlp/rows.ts'
import { type OtlpTable, otlpTableNames, otlpTables } from '../../../core/otlp/tables.ts'
import { otlpRequest } from '../load/otlp.ts'
import { answer, workerConfig } from '../load/worker.ts'
import { openReference } from './sqlite.ts'

export interface SqliteOtlpConfig {
  dir: string
  signal: Signal
  /** per transaction */
  rows: number
  warmup: number
  seconds: number
}

export interface SqliteOtlpResult {
  recordsPerSecond: number
}

/** streams whose requests arrive in turn, as from as many connections */
const streams = 8

function sqliteOtlp({ dir, signal, rows, warmup, seconds }: SqliteOtlpConfig): SqliteOtlpResult {
  const db = openReference(dir)
  const inserts = Object.fromEntries(
    otlpTableNames.map(table => {
      const columns = [...otlpTables[table].map(([name]) => name), 'tenant', 'stream_id', 'received_at', 'stream_index']
      return [table, db.prepare(`insert into ${table} (${columns}) values (${columns.map(() => '?')})`)]
    }),
  ) as Record<OtlpTable, ReturnType<typeof db.prepare>>
  const requests = Array.from({ length: streams }, (_, stream) => ({
    rows: rowsOf(decodeOtlp(signal, otlpRequest(signal, rows, stream))).map(({ table, row }) => {
      const values: RowValue[] = [...Object.values(row), '', stream + 1, 0, 0]
      return { insert: inserts[table], values }
    }),
    count: 0,
  }))

  const store = db.transaction((request: (typeof requests)[number]) => {
    const receivedAt = Date.now() * 1000
    for (const { insert, values } of request.rows) {
      values[values.length - 2] = receivedAt
      values[values.length - 1] = request.count++
      insert.run(values)
    }
  })

  let next = 0
  function run(forSeconds: number): { stored: number; ms: number } {
    let stored = 0
    const from = performance.now()
    let ms = 0
    for (; ms < forSeconds * 1000; stored += rows, ms = performance.now() - from) store(requests[next++ % streams]!)
    return { stored, ms }
  }

  run(warmup)
  const { stored, ms } = run(seconds)
  db.close()
  return { recordsPerSecond: (stored * 1000) / ms }
}

if (import.meta.main) await answer(async () => sqliteOtlp(workerConfig()))
