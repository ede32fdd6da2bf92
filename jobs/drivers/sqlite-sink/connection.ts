import { chmodSync, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { sqliteFailure } from './failures.ts'
import { refuseOthers } from './identify.ts'
import { makeFolder, realPath } from './place.ts'

export type Db = Database.Database

/** How long a call waits for another process's lock, ms; then it is up to the retries of the node. */
const busyMs = 5000
/** Each try sleeps for so long inside SQLite; a busy writer leaves only short gaps between its commits. */
const tryMs = 1
const longestWait = 25
/** The size that the write-ahead log is cut back to when it begins anew. */
const walBytes = 64 * 1024 * 1024
/** What staged rows of all sinks on the file hold in memory, KiB; beyond that they lie in a nameless temporary file. */
const stagingKiB = 32 * 1024

/** A database file with the sinks of this thread that write to it. */
export interface SharedDatabase {
  /** the real path */
  readonly path: string
  readonly db: Db
  /**
   * One write transaction around `work`, synced when it resolves. Waits for the lock without holding the thread.
   * Failures are PipelineErrors, and nothing of `work` is there then.
   */
  transaction<T>(work: () => T, signal?: AbortSignal): Promise<T>
  /** Work on temporary tables, in one go. It takes no lock of the file. */
  stage<T>(work: () => T): T
  /** A number that no other has on this connection, for names of temporary tables. */
  number(): number
  /** To be called once by each who opened; the last one closes the file. */
  release(): void
}

interface Entry {
  db: Db
  inode: number
  holders: number
  numbers: number
}

const open = new Map<string, Entry>()

/** Opens (and creates, mode 0600, with its folder) the file, or joins those who have it open in this thread. */
export async function openDatabase(
  file: string,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<SharedDatabase> {
  const path = attempt(file, () => realPath(file))
  const entry = await untilFree(path, signal, () => {
    const there = open.get(path)
    if (there !== undefined) refuseOthers(there.db, path, tables)
    const joined = there ?? { ...create(path, tables), holders: 0, numbers: 0 }
    // counted at once: whoever closes next must not close it for the one who waits for this promise
    joined.holders++
    open.set(path, joined)
    return joined
  })
  return share(path, entry)
}

function create(path: string, tables: readonly string[]): { db: Db; inode: number } {
  makeFolder(dirname(path))
  const made = !existsSync(path)
  const db = new Database(path, { timeout: busyMs })
  try {
    // by its name: to open and close it would give up locks that this process holds on it (fcntl)
    if (made) chmodSync(path, 0o600)
    refuseOthers(db, path, tables)
    if (db.pragma('journal_mode = WAL', { simple: true }) !== 'wal')
      throw new PipelineError(
        'bad_pipeline',
        `${path}: the file system cannot keep a write-ahead log beside it: name a file on a local disk`,
        { path: ['path'] },
      )
    db.pragma('synchronous = FULL')
    db.pragma(`journal_size_limit = ${walBytes}`)
    db.pragma('cache_size = -32768')
    db.pragma('temp_store = FILE')
    db.pragma('temp.journal_mode = MEMORY')
    db.pragma(`temp.cache_size = -${stagingKiB}`)
    return { db, inode: statSync(path).ino }
  } catch (error) {
    db.close()
    throw error
  }
}

function share(path: string, entry: Entry): SharedDatabase {
  const { db, inode } = entry
  let released = false

  /** SQLite goes on writing to a file that was deleted or replaced at its path, where nobody would find it again. */
  function checkFile(): void {
    const now = statSync(path, { throwIfNoEntry: false })?.ino
    if (now === inode) return
    throw new PipelineError(
      'state',
      `sqlite ${path}: the file was ${now === undefined ? 'deleted' : 'replaced'} while it was in use: put it back, or start again with --reset`,
    )
  }

  return {
    path,
    db,
    transaction: (work, signal) =>
      untilFree(path, signal, () => {
        checkFile()
        begin(db)
        return ended(db, work)
      }),
    stage: work =>
      attempt(path, () => {
        db.exec('begin')
        return ended(db, work)
      }),
    number: () => ++entry.numbers,
    release() {
      if (released) return
      released = true
      if (--entry.holders > 0) return
      open.delete(path)
      db.close()
    },
  }
}

/** Almost at once, or SQLITE_BUSY: the thread must not stand still for another process. */
function begin(db: Db): void {
  db.pragma(`busy_timeout = ${tryMs}`)
  try {
    db.exec('begin immediate')
  } finally {
    db.pragma(`busy_timeout = ${busyMs}`)
  }
}

function ended<T>(db: Db, work: () => T): T {
  try {
    const result = work()
    db.exec('commit')
    return result
  } finally {
    if (db.inTransaction) db.exec('rollback')
  }
}

async function untilFree<T>(path: string, signal: AbortSignal | undefined, work: () => T): Promise<T> {
  const deadline = performance.now() + busyMs
  for (let wait = 1; ; wait = Math.min(2 * wait, longestWait)) {
    try {
      return work()
    } catch (error) {
      if (!isSqliteBusy(error) || performance.now() > deadline) throw sqliteFailure(error, path)
    }
    await delay(wait, undefined, { signal })
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw sqliteFailure(error, path)
  }
}
