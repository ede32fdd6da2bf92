import { cell, type DeadRecord, type Records, type RecordTable } from './records.ts'
import type { RowValue } from './rows.ts'
import { type OtlpTable, otlpTableNames, otlpTables, promotedColumn } from './tables.ts'

/** A row by the names of its columns; those that are left out are NULL. Its position is that in the list, or `at`. */
export interface RowByHand {
  table: OtlpTable
  at?: number
  row: Record<string, RowValue>
}

/** Records as a decoder makes them, of rows that are written by hand. */
export function recordsOf(
  list: readonly RowByHand[],
  { dead = [], promote = [] }: { dead?: DeadRecord[]; promote?: readonly string[] } = {},
): Records {
  const texts: string[] = []
  const tables = otlpTableNames.flatMap(table => {
    const rows = list.map(({ at, ...row }, k) => ({ ...row, at: at ?? k })).filter(row => row.table === table)
    return rows.length === 0 ? [] : [tableOf(table, rows, promote, texts)]
  })
  const encoded = texts.map(text => new TextEncoder().encode(text))
  const pool = new Uint8Array(encoded.reduce((bytes, text) => bytes + text.length, 0))
  const poolSpans = new Uint32Array(2 * texts.length)
  let end = 0
  encoded.forEach((text, k) => {
    pool.set(text, end)
    poolSpans.set([end, end + text.length], 2 * k)
    end += text.length
  })
  return { count: list.length + dead.length, tables, pool, poolSpans, dead }
}

function tableOf(
  table: OtlpTable,
  rows: readonly Required<RowByHand>[],
  promote: readonly string[],
  texts: string[],
): RecordTable {
  const columns = [
    ...otlpTables[table].map(([name, kind]) => ({ name, real: kind === 'real', signed: kind === 'i64' })),
    ...promote.map(key => ({ name: promotedColumn(key), real: false, signed: false })),
  ]
  const width = columns.length
  const kinds = new Uint8Array(rows.length * width)
  const view = new DataView(new ArrayBuffer(8 * kinds.length))
  rows.forEach(({ row }, r) => {
    const unknown = Object.keys(row).filter(name => !columns.some(column => column.name === name))
    if (unknown.length > 0) throw new Error(`${table} has no column ${unknown}`)
    columns.forEach(({ name, real, signed }, c) => {
      const k = r * width + c
      const value = row[name] ?? null
      if (value === null) return
      if (typeof value === 'string') {
        kinds[k] = cell.text
        if (!texts.includes(value)) texts.push(value)
        view.setFloat64(8 * k, texts.indexOf(value), true)
      } else if (typeof value === 'number') {
        kinds[k] = real ? cell.real : cell.int
        view.setFloat64(8 * k, value, true)
      } else {
        kinds[k] = signed ? cell.i64 : cell.u64
        view.setBigInt64(8 * k, BigInt.asIntN(64, value), true)
      }
    })
  })
  return { table, rows: rows.length, width, at: Uint32Array.from(rows, row => row.at), kinds, cells: view.buffer }
}
