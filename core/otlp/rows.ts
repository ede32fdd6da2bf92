import type { Records } from './records.ts'
import { cell } from './records.ts'
import { type OtlpTable, otlpTables, promotedColumn } from './tables.ts'

/** Text, a number, a bigint where a 64-bit integer is outside of ±2^53, or null. */
export type RowValue = string | number | bigint | null

export interface OtlpRow {
  table: OtlpTable
  /** position among those of the request */
  at: number
  row: Record<string, RowValue>
}

/** The rows of all tables in order of their position, as objects: for tests, the memory store and for rendering. */
export function rowsOf(records: Records, promote: readonly string[] = []): OtlpRow[] {
  const textAt = textReader(records)
  const rows = records.tables.flatMap(({ table, rows, width, at, kinds, cells }) => {
    const names = [...otlpTables[table].map(([name]) => name), ...promote.map(promotedColumn)]
    const view = new DataView(cells)
    const value = (k: number): RowValue => {
      switch (kinds[k]) {
        case cell.null:
          return null
        case cell.int:
        case cell.real:
          return view.getFloat64(8 * k, true)
        case cell.i64:
          return small(view.getBigInt64(8 * k, true))
        case cell.u64:
          return small(view.getBigUint64(8 * k, true))
        case cell.text:
          return textAt(view.getFloat64(8 * k, true))
        default:
          throw new Error(`${table}: cell ${k} is of the unknown kind ${kinds[k]}`)
      }
    }
    return Array.from({ length: rows }, (_, r) => ({
      table,
      at: at[r]!,
      row: Object.fromEntries(names.slice(0, width).map((name, c) => [name, value(r * width + c)])),
    }))
  })
  return rows.sort((a, b) => a.at - b.at)
}

function small(value: bigint): number | bigint {
  return BigInt.asIntN(54, value) === value ? Number(value) : value
}

function textReader({ pool, poolSpans }: Records): (k: number) => string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return k => decoder.decode(pool.subarray(poolSpans[2 * k], poolSpans[2 * k + 1]))
}
