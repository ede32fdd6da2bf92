import Database from 'better-sqlite3'
import { sequence } from '../load/events.ts'

/** Throws unless the stopped gateway's store holds exactly `acked` different events of our making. */
export function checkStored(store: string, acked: number): void {
  const db = new Database(store)
  const found = db
    .prepare<[], { events: number; different: number }>(
      `select count(*) as events, count(distinct substr(payload, ${sequence.at + 1}, ${sequence.digits})) as different from events`,
    )
    .get()
  db.close()
  if (found?.events !== acked || found.different !== acked) {
    throw new Error(
      `acked ${acked} events, but the store holds ${found?.events}, ${found?.different} of them different`,
    )
  }
}
