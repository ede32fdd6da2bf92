import { realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { sqliteFailure } from './failures.ts'

export type Db = Database.Database

/** Each try sleeps for so long inside SQLite, ms. */
export const tryMs = 1
/** How calls wait for another process's lock: for `ms` in all, with pauses up to `pause` between two tries. */
export interface Patience {
  ms: number
  pause: number
}
const usual: Patience = { ms: 5000, pause: 25 }
/** Beside a busy gateway, which leaves gaps of microseconds between its commits: longer pauses sleep through them. */
export const besideGateway: Patience = { ms: 30_000, pause: 0 }

/**
 * One connection through its life: opened, lost by an error, opened again with the next call. Calls run one at a time,
 * in their order; one that meets a lock waits without holding the thread.
 */
export interface Connection {
  /** the real path, however the file was named */
  readonly path: string
  run<T>(work: (db: Db) => T): Promise<T>
  /** `run` in one transaction, which takes the lock for writing at once. */
  change<T>(work: (db: Db) => T): Promise<T>
  close(): Promise<void>
}

export interface ConnectionOptions {
  file: string
  /** of what, in messages: `state` */
  what: string
  /** opens (or makes) the database with a `timeout` of `tryMs` */
  open: (path: string) => Db
  /** what is to be done where the file was deleted or replaced while it was in use */
  wayOut: string
  patience?: Patience
}

export function createConnection({ file, what, open, wayOut, patience = usual }: ConnectionOptions): Connection {
  const path = realPath(file, what)
  const label = `${what} ${path}`
  let db: Db | undefined
  let inode: number | undefined
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()

  /** SQLite goes on writing to a file that was deleted or replaced at its path, where nobody would find it again. */
  function checkFile(): void {
    const now = statSync(path, { throwIfNoEntry: false })?.ino
    if (inode === undefined || now === inode) return
    const became = now === undefined ? 'deleted' : 'replaced'
    throw new PipelineError('state', `${label}: the file was ${became} while it was in use: ${wayOut}`)
  }

  function attempt<T>(work: (db: Db) => T): T {
    if (closed) throw new PipelineError('internal', `${label}: it is closed`)
    checkFile()
    db ??= open(path)
    inode ??= statSync(path).ino
    return work(db)
  }

  function drop(): void {
    const lost = db
    db = undefined
    lost?.close()
  }

  async function persist<T>(work: (db: Db) => T): Promise<T> {
    const deadline = performance.now() + patience.ms
    for (let wait = 1; ; wait = Math.min(2 * wait, patience.pause)) {
      try {
        return attempt(work)
      } catch (error) {
        if (!isSqliteBusy(error)) drop()
        if (!isSqliteBusy(error) || performance.now() > deadline) throw sqliteFailure(error, label)
      }
      await (patience.pause === 0 ? new Promise(resolve => setImmediate(resolve)) : delay(wait))
    }
  }

  function run<T>(work: (db: Db) => T): Promise<T> {
    const result = turn.then(() => persist(work))
    turn = result.catch(() => {})
    return result
  }

  return {
    path,
    run,
    change: work => run(db => db.transaction(work).immediate(db)),
    async close() {
      await turn
      closed = true
      drop()
    },
  }
}

/** Two names of one file must meet at one lock, also before the file is there. */
function realPath(file: string, what: string): string {
  const absolute = resolve(file)
  try {
    return realpathSync(absolute)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw sqliteFailure(error, `${what} ${absolute}`)
  }
  try {
    return join(realpathSync(dirname(absolute)), basename(absolute))
  } catch (error) {
    throw sqliteFailure(error, `${what} ${absolute}`)
  }
}
