/**
 * A lock that is SQLite's own, held on a sidecar file, so that the system frees it when the process ends in whatever
 * way; the name stored in it only informs.
 */

/** As better-sqlite3 has it, open on the sidecar, without a timeout. */
export interface LockDatabase {
  exec(sql: string): unknown
  pragma(sql: string): unknown
  prepare(sql: string): { run(...values: unknown[]): unknown; get(...values: unknown[]): unknown }
}

/** How one is named that has the lock, and has not written its name yet. */
export const unnamedOwner = 'starting at this moment'

/** Holds the lock until the database is closed or rolled back; throws SQLite's "busy" where another one has it. */
export function holdLock(db: LockDatabase, pid: number, host: string): void {
  db.exec('begin immediate')
  // from here on only one who reads the name below can be in the way, for a moment
  db.pragma('busy_timeout = 1000')
  db.exec('create table if not exists owner (pid integer, host text, since text); delete from owner')
  db.prepare("insert into owner values (?, ?, datetime('now'))").run(pid, host)
  db.exec('commit; begin immediate')
}

/** Who holds the lock, for people; throws while the table is being made. */
export function lockOwner(db: LockDatabase): string {
  const row = db.prepare('select pid, host, since from owner').get() as
    | { pid: number; host: string; since: string }
    | undefined
  return row === undefined ? unnamedOwner : `pid ${row.pid} on ${row.host}, since ${row.since} UTC`
}
