import { createHash } from 'node:crypto'
import { chmodSync, existsSync } from 'node:fs'
import { hostname } from 'node:os'
import Database from 'better-sqlite3'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import { sqliteFailure } from '../../drivers/sqlite/failures.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { StateLock } from '../state.ts'

/** The sidecar of a namespace: what people can read of it, and a digest that tells any two apart. */
export function lockFile(path: string, namespace: string): string {
  const readable = namespace.replace(/[^\w.-]+/g, '-').slice(0, 60)
  return `${path}.${readable}.${createHash('sha256').update(namespace).digest('hex').slice(0, 12)}.lock`
}

/**
 * The lock is SQLite's own, held on a sidecar file, so that the system frees it when the process ends in whatever way;
 * the pid stored in it only informs. The file stays: another process may be about to lock it.
 */
export function takeLock(path: string, namespace: string): StateLock {
  const file = lockFile(path, namespace)
  let db: Database.Database | undefined
  try {
    const made = !existsSync(file)
    db = new Database(file, { timeout: 0 })
    if (made) chmodSync(file, 0o600)
    db.exec('begin immediate')
    // from here on only one who reads the name below can be in the way, for a moment
    db.pragma('busy_timeout = 1000')
    db.exec('create table if not exists owner (pid integer, host text, since text); delete from owner')
    db.prepare("insert into owner values (?, ?, datetime('now'))").run(process.pid, hostname())
    db.exec('commit; begin immediate')
  } catch (error) {
    const owner = isSqliteBusy(error) && db !== undefined ? readOwner(db) : undefined
    db?.close()
    if (owner === undefined) throw sqliteFailure(error, `state ${file}`)
    const pipeline = namespace.slice(namespace.indexOf('/') + 1)
    throw new PipelineError(
      'busy',
      `the pipeline '${pipeline}' is run by another process (${owner}): stop that one first`,
      {
        cause: error,
      },
    )
  }
  const held = db
  return {
    async release() {
      if (held.open) held.exec('rollback').close()
    },
  }
}

function readOwner(db: Database.Database): string {
  try {
    const row = db.prepare('select pid, host, since from owner').get() as
      | { pid: number; host: string; since: string }
      | undefined
    if (row !== undefined) return `pid ${row.pid} on ${row.host}, since ${row.since} UTC`
  } catch (error) {
    // the other one is between creating the file and writing its name
    if (!isSqliteBusy(error) && !/no such table/.test(String(error))) throw error
  }
  return 'starting at this moment'
}
