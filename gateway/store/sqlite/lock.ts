import { hostname } from 'node:os'
import Database from 'better-sqlite3'
import { AppError } from '../../../core/errors.ts'
import { isBusy } from './failures.ts'

export interface OwnerLock {
  release(): void
}

/**
 * Makes this process the only gateway on `path`. The lock is SQLite's own (held on the sidecar `PATH.lock`), so that
 * the system frees it when the process ends in whatever way; the pid stored in it only informs.
 */
export function takeOwnership(path: string): OwnerLock {
  const db = new Database(`${path}.lock`, { timeout: 0 })
  try {
    db.exec('begin immediate; create table if not exists owner (pid integer, host text, since text)')
    db.exec('delete from owner')
    db.prepare("insert into owner values (?, ?, datetime('now'))").run(process.pid, hostname())
    db.exec('commit; begin immediate')
  } catch (error) {
    const owner = isBusy(error) ? readOwner(db) : undefined
    db.close()
    if (owner !== undefined)
      throw new AppError(
        'store_busy',
        `${path} is in use by another gateway (${owner}): stop that one, or name another file with --store`,
      )
    throw error
  }
  return {
    release() {
      db.exec('rollback')
      db.close()
    },
  }
}

function readOwner(db: Database.Database): string {
  try {
    const row = db.prepare('select pid, host, since from owner').get() as
      | { pid: number; host: string; since: string }
      | undefined
    return row === undefined ? 'starting at this moment' : `pid ${row.pid} on ${row.host}, since ${row.since} UTC`
  } catch {
    // the other gateway is between creating the file and writing its name
    return 'starting at this moment'
  }
}
