import Database from 'better-sqlite3'
import type { Signal } from '../../../core/otlp/records.ts'
import { otlpTableNames } from '../../../core/otlp/tables.ts'

/** Throws unless the stopped gateway's store holds exactly `acked` records of our making, none of them twice. */
export function checkStoredOtlp(signal: Signal, records: number, store: string, acked: number): void {
  const db = new Database(store)
  const tables = otlpTableNames.filter(name => name.startsWith(`otlp_${signal}`))
  // points of a request share a time that no other has; logs and spans have trace ids of their own
  const own = signal === 'metrics' ? 'cast(time_unix_nano as text)' : 'trace_id'
  const all = tables.map(table => `select ${own} as own from ${table}`).join(' union all ')
  const found = db
    .prepare<[], { stored: number; different: number }>(
      `select count(*) as stored, count(distinct own) as different from (${all})`,
    )
    .get()!
  db.close()
  const different = signal === 'metrics' ? acked / records : acked
  if (found.stored !== acked || found.different !== different)
    throw new Error(
      `acked ${acked} records, but the store holds ${found.stored}, with ${found.different} different ids`,
    )
}
