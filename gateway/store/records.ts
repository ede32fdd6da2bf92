import { AppError } from '../../core/errors.ts'
import type { Records } from '../../core/otlp/records.ts'
import { type ColumnKind, type OtlpTable, otlpTableNames, otlpTables, promotedColumn } from '../../core/otlp/tables.ts'

/** What all stores do with OpenTelemetry records in the same way. */

/** Refuses resource attributes that cannot all have a column of their own; column names differ by more than case. */
export function checkPromote(promote: readonly string[]): void {
  const keys = new Map<string, string>()
  for (const key of promote) {
    const column = promotedColumn(key)
    const other = keys.get(column.toLowerCase())
    if (other !== undefined)
      throw new AppError(
        'bad_request',
        `the resource attributes ${JSON.stringify(other)} and ${JSON.stringify(key)} would both be the column ${column}: promote one of them`,
      )
    keys.set(column.toLowerCase(), key)
  }
}

/** Bytes of memory that records hold on their way to the store. */
export function recordsBytes({ pool, poolSpans, tables, dead }: Records): number {
  let bytes = pool.length + poolSpans.byteLength
  for (const { cells, kinds, at } of tables) bytes += cells.byteLength + kinds.length + at.byteLength
  for (const { raw } of dead) bytes += raw.length
  return bytes
}

/** As a store gives them: integers as number or bigint, those above 2^63-1 as decimal text, NaN as number or text. */
export type StoredValue = number | bigint | string | null

/** of the tables' own columns; promoted ones, behind them, are text */
const columnKinds = Object.fromEntries(
  otlpTableNames.map(table => [table, otlpTables[table].map(([, kind]) => kind)]),
) as Record<OtlpTable, ColumnKind[]>

/** A row as the JSON text that `readStream` gives: exact integers, embedded JSON columns, no NULLs. */
export function recordPayload(table: OtlpTable, names: readonly string[], values: readonly StoredValue[]): string {
  const kinds = columnKinds[table]
  let text = `{"table":"${table}"`
  for (let k = 0; k < names.length; k++) {
    const value = values[k]!
    if (value !== null) text += `,"${names[k]}":${asJson(kinds[k] ?? 'text', value)}`
  }
  return `${text}}`
}

function asJson(kind: ColumnKind, value: number | bigint | string): string {
  if (kind === 'text' || kind === 'id') return JSON.stringify(value)
  // JSON has neither NaN nor infinities: proto3 JSON writes them as these strings
  if (kind === 'real' && !Number.isFinite(Number(value))) return `"${value}"`
  return String(value)
}

/** Why a dead letter of kind `record` stays one: it is part of a request, and no event. */
export const noRetry = (id: number) =>
  new AppError(
    'not_supported',
    `dead letter ${id} is a refused OpenTelemetry record, and only an event can be stored in place of its dead letter: mend it where it was made and send it again`,
  )
