import Database from 'better-sqlite3'
import { type OtlpTable, otlpTables } from '../../core/otlp/tables.ts'

/** What the tables hold of one sender: the columns of OpenTelemetry, INTEGER as decimal text, REAL as number. */
export type Row = Record<string, string | number | null>

export function storedRows(file: string, table: OtlpTable, instance: string, order: string): Row[] {
  const columns = otlpTables[table].map(([name]) => name).join(', ')
  return query(file, `select ${columns} from ${table} where service_instance_id = ? order by ${order}`, instance)
}

export function query(file: string, sql: string, ...params: unknown[]): Row[] {
  const db = new Database(file, { readonly: true })
  try {
    const rows = db
      .prepare(sql)
      .safeIntegers()
      .all(...params) as Record<string, unknown>[]
    return rows.map(
      row =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
        ) as Row,
    )
  } finally {
    db.close()
  }
}
