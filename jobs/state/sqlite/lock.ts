import { createHash } from 'node:crypto'
import { chmodSync, existsSync } from 'node:fs'
import { hostname } from 'node:os'
import Database from 'better-sqlite3'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import { holdLock, lockOwner, unnamedOwner } from '../../../core/sqlite-lock.ts'
import { sqliteFailure } from '../../drivers/sqlite/failures.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { StateLock } from '../state.ts'

/** The sidecar of a namespace: what people can read of it, and a digest that tells any two apart. */
export function lockFile(path: string, namespace: string): string {
  const readable = namespace.replace(/[^\w.-]+/g, '-').slice(0, 60)
  return `${path}.${readable}.${createHash('sha256').update(namespace).digest('hex').slice(0, 12)}.lock`
}

/** The file of the lock stays: another process may be about to lock it. */
export function takeLock(path: string, namespace: string): StateLock {
  const file = lockFile(path, namespace)
  let db: Database.Database | undefined
  try {
    const made = !existsSync(file)
    db = new Database(file, { timeout: 0 })
    if (made) chmodSync(file, 0o600)
    holdLock(db, process.pid, hostname())
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
    return lockOwner(db)
  } catch (error) {
    // the other one is between creating the file and writing its name
    if (!isSqliteBusy(error) && !/no such table/.test(String(error))) throw error
    return unnamedOwner
  }
}
