import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { sqliteFailure } from '../../drivers/sqlite/failures.ts'
import { checkPlace, makeFolder, realPath } from '../../drivers/sqlite-sink/place.ts'
import { PipelineError } from '../../runtime/errors.ts'

export type Db = Database.Database

/** `PRAGMA application_id` of a gateway's store, which is no place for other tables. */
const storeId = 0x6d696c6c

/** How long a statement waits for another process's transaction, ms; then the node counts as degraded, and tries again. */
const busyMs = 1000

/** The connection to the file: none while there is no file, a new one where the file was replaced. */
export interface TableFile {
  /** undefined: there is no file yet */
  reading(): Db | undefined
  /** Makes the file and its folder where they are missing. */
  writing(): Db
  /** Another process changed something since the last call, or the file is another one now. */
  changed(): boolean
  close(): void
}

export function openFile(path: string): TableFile {
  let db: Db | undefined
  let inode: number | undefined
  let version: unknown
  let durable = false

  function connect(): Db {
    const there = statSync(path)
    if (!there.isFile()) throw refused(`${path} is no regular file`)
    inode = there.ino
    const opened = new Database(path, { fileMustExist: true, timeout: busyMs })
    try {
      if (opened.pragma('application_id', { simple: true }) === storeId)
        throw refused(`${path} is the store of a gateway`)
      version = opened.pragma('data_version', { simple: true })
    } catch (error) {
      opened.close()
      throw error
    }
    durable = false
    return opened
  }

  function close(): void {
    db?.close()
    db = undefined
  }

  function reading(): Db | undefined {
    if (db === undefined && existsSync(path)) db = connect()
    return db
  }

  return {
    reading,
    writing() {
      if (!existsSync(path)) {
        close()
        makeFolder(dirname(realPath(path)))
        closeSync(openSync(path, 'a', 0o600))
      }
      const opened = reading()!
      if (!durable) {
        opened.pragma('journal_mode = WAL')
        opened.pragma('synchronous = FULL')
        durable = true
      }
      return opened
    },
    changed() {
      if (db === undefined) return true
      if (statSync(path, { throwIfNoEntry: false })?.ino !== inode) {
        close()
        return true
      }
      const before = version
      version = db.pragma('data_version', { simple: true })
      return version !== before
    },
    close,
  }
}

/** Writes nothing: refuses what can never be a file; with `fill` also where this process may not write. */
export function checkFile(path: string, fill: boolean): void {
  const real = realPath(path)
  if (fill) checkPlace(real)
}

const refused = (why: string, cause?: unknown) =>
  new PipelineError('bad_pipeline', `${why}: name another file`, { path: ['path'], cause })

/** What became of a try to use the file, as a pipeline sees it. */
export function failure(error: unknown, path: string): PipelineError {
  const { code, message } = error as { code?: unknown; message?: string }
  if (error instanceof PipelineError) return error
  if (code === 'SQLITE_NOTADB') return refused(`${path} is no SQLite database`, error)
  if (code === 'SQLITE_ERROR' || String(code).startsWith('SQLITE_CONSTRAINT'))
    return new PipelineError('refused', `dynamic table in ${path}: ${message}`, { cause: error })
  return sqliteFailure(error, `dynamic table in ${path}`)
}
