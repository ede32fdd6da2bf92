import { isPostgres } from '../../sources/events/stores.ts'
import type { WorkContext, WorkResult } from '../kinds.ts'

/** Gives back what a kind of store does not need, beside gateways that write. */
export type VacuumStore = (store: string, context: WorkContext) => Promise<WorkResult>

/** A folder per kind of store; only the one that the URL names is loaded. */
export const vacuumStore: VacuumStore = async (store, context) => {
  if (isPostgres(store)) return (await import('./postgres/postgres.ts')).vacuumPostgres(store, context)
  return (await import('./sqlite/sqlite.ts')).vacuumSqlite(store, context)
}
