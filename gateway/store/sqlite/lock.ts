import { closeSync, existsSync, openSync, realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { AppError } from '../../../core/errors.ts'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import { holdLock, lockOwner, unnamedOwner } from '../../../core/sqlite-lock.ts'
import { refuseFile } from './database.ts'
import { storeFailure } from './failures.ts'

export interface OwnerLock {
  release(): void
}

/** The sidecar file that holds the lock. */
export const lockFile = (path: string) => `${path}.lock`

/**
 * The path under which a database is locked, however it was named: two names of one file must meet at one lock. What
 * can be no store is refused, and no lock is left beside it.
 */
export function findStore(path: string): string {
  const real = realPath(path)
  try {
    // with a lock beside it it is a store of ours, which may be in use: the one who gets the lock looks into it
    refuseFile(real, !existsSync(lockFile(real)))
    return real
  } catch (error) {
    throw storeFailure(error, real)
  }
}

/** Makes the file (mode 0600) where there is none, since a link that leads nowhere yet has no real path. */
function realPath(path: string): string {
  const absolute = resolve(path)
  try {
    if (!existsSync(absolute)) closeSync(openSync(absolute, 'a', 0o600))
    return realpathSync(absolute)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storeFailure(error, absolute)
    throw new AppError(
      'store_unavailable',
      `the folder ${dirname(absolute)} of the store does not exist: create it first`,
      {},
      error,
    )
  }
}

/** Makes this process the only gateway on `path`: the lock is held on the sidecar `PATH.lock`. */
export function takeOwnership(path: string): OwnerLock {
  const file = lockFile(path)
  let db: Database.Database | undefined
  try {
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    db = new Database(file, { timeout: 0 })
    holdLock(db, process.pid, hostname())
  } catch (error) {
    const owner = isSqliteBusy(error) && db !== undefined ? readOwner(db) : undefined
    db?.close()
    if (owner !== undefined)
      throw new AppError(
        'store_busy',
        `${path} is in use by another gateway (${owner}): stop that one, or name another file with --store`,
        {},
        error,
      )
    throw storeFailure(error, file)
  }
  const held = db
  return {
    release() {
      if (held.open) held.exec('rollback').close()
    },
  }
}

function readOwner(db: Database.Database): string {
  try {
    return lockOwner(db)
  } catch {
    // the other gateway is between creating the file and writing its name
    return unnamedOwner
  }
}
