import { isPostgres } from '../../sources/events/stores.ts'
import type { WorkContext } from '../kinds.ts'
import type { Exported } from './positions.ts'

/** What is deleted of a table, whatever holds it: rows that are old, and that all have read. */
export interface Deletion {
  table: string
  /** its column of ids */
  id: string
  /** rows above this id stay */
  to: number
  /** microseconds UTC: rows received at or after this stay */
  before: number
  /** where `to` comes from; the store must be the one that gave them */
  positions: readonly Exported[]
}

export interface Deleted {
  /** `rows`, and what else there is to count */
  figures: Readonly<Record<string, number>> & { rows: number }
  /** for people: what else was done, and what was not */
  notes: readonly string[]
}

/**
 * Rules for a kind of store:
 * - It may be killed at any moment, and run again, beside gateways that write and other jobs that delete.
 * - It holds no gateway up, but for what its README says.
 * - Only rows are deleted: streams, their counts, dead letters and ids stay as they are.
 */
export type DeleteRows = (store: string, deletion: Deletion, context: WorkContext) => Promise<Deleted>

/** A folder per kind of store; only the one that the URL names is loaded. */
export const deleteRows: DeleteRows = async (store, deletion, context) => {
  if (isPostgres(store)) return (await import('./postgres/postgres.ts')).deleteFromPostgres(store, deletion, context)
  return (await import('./sqlite/sqlite.ts')).deleteFromSqlite(store, deletion, context)
}
