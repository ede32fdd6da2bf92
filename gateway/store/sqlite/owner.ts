import { AppError } from '../../../core/errors.ts'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import type { StreamRef } from '../store.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { busyMs, type Db, type Durability, openForWriting } from './database.ts'
import { mayBeLogged, storeFailure } from './failures.ts'
import type { Group } from './group.ts'
import { type OpenFiles, openFiles } from './open-files.ts'
import { probe } from './probe.ts'
import { createWalKeeper, type WalEvents, type WalKeeper } from './wal.ts'
import { type Applied, createWriter, type Writer } from './writer.ts'

/**
 * The writing connection through its life: opened, lost, opened again.
 *
 * After any error in a group nothing of it is acknowledged before the database was closed, opened, made durable and
 * asked what it holds; the group is then replayed, or known to be stored. A cause that stays is the group's answer, and
 * the next group (or `probe`) tries again.
 */
export interface Owner {
  apply(group: Group): Applied
  /** Checkpoints where the log needs it. Its failure is that of the store, not of the groups before. */
  keepLogShort(): void
  /** What `request` of `WalEvents` asked for was done, or failed. */
  checkpointed(): void
  read<T>(work: (catalog: Catalog) => T): T
  /** For the small writes of the catalog: tokens, dead letters, deletes. */
  change<T>(work: (catalog: Catalog) => T): T
  /** Takes a stream out of sight; see `Catalog.beginDelete`. */
  beginDelete(ref: StreamRef): number | undefined
  /** Throws as long as groups like those that failed would fail again, so that health returns without traffic. */
  probe(): void
  /** Another process committed since the last call: tokens may have changed. */
  changedElsewhere(): boolean
  /** A file that is no longer the one at its path: it was deleted or replaced. Only closing helps. */
  replaced(): string | undefined
  /** For good: all calls fail after it. */
  close(): void
}

interface Opened {
  db: Db
  writer: Writer
  wal: WalKeeper
  catalog: Catalog
}

/** Log that a small write may have made: its true size is then looked up. */
const changeBytes = 1024 * 1024

export function createOwner(
  path: string,
  durability: Durability,
  walEvents: WalEvents,
  promote: readonly string[] = [],
): Owner {
  let opened: Opened | undefined
  /** also while nothing is open: a file that was put in its place is not to be begun with what is left of the old */
  let files: OpenFiles | undefined
  let closed = false
  /** a COMMIT failed in a way that may have left it in the log, and only the log: the disk may not have it */
  let doubtful = false
  let version: unknown
  let unchecked = 0
  let failedBytes = 0

  function open(): Opened {
    if (opened !== undefined) return opened
    if (closed) throw new AppError('stopping', 'the store is closed', { retryAfter: 1 })
    if (files?.databaseReplaced())
      throw new AppError('store_unavailable', `${path} was deleted or replaced while it was open`, { retryAfter: 1 })
    const db = openForWriting(path, durability, busyMs, promote)
    try {
      if (doubtful) makeDurable(db)
      doubtful = false
      const [writer, wal, catalog] = [createWriter(db, promote), createWalKeeper(db, walEvents), createCatalog(db)]
      files = openFiles(path)
      opened = { db, writer, wal, catalog }
      return opened
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** SQLite folds the log into a file at its path only; one that was moved away is to have its events all the same. */
  function closeDatabase(db: Db | undefined): void {
    if (files?.databaseReplaced()) db?.pragma('wal_checkpoint(TRUNCATE)')
    db?.close()
  }

  /** After a failed sync the system may hold pages for written that are not: only new writes of them are sure. */
  function makeDurable(db: Db): void {
    const [{ busy }] = db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }]
    if (busy !== 0) throw Object.assign(new Error('a reader holds the write-ahead log'), { code: 'SQLITE_BUSY' })
  }

  function drop(): void {
    const db = opened?.db
    opened = undefined
    version = undefined
    try {
      closeDatabase(db)
    } catch {
      // closing what is already broken: the next open tells what is wrong
    }
  }

  /** Runs `work`; a failure of the database, other than its lock's, closes the connection: the next call begins anew. */
  function guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!isSqliteBusy(error) && !(error instanceof AppError)) drop()
      throw storeFailure(error, path)
    }
  }

  function applyOnce({ writer }: Opened, group: Group): Applied {
    try {
      return writer.apply(group)
    } catch (error) {
      if (writer.uncertain !== undefined && mayBeLogged(error)) doubtful = true
      throw error
    }
  }

  function applyWithReplay(group: Group): Applied {
    const first = open()
    try {
      return applyOnce(first, group)
    } catch (error) {
      if (isSqliteBusy(error)) throw error
      const { uncertain } = first.writer
      drop()
      const fresh = open()
      if (uncertain !== undefined && fresh.writer.wasStored(group, uncertain)) return uncertain
      return applyOnce(fresh, group)
    }
  }

  function change<T>(work: (opened: Opened) => T): T {
    return guarded(() => {
      const value = work(open())
      unchecked += changeBytes
      return value
    })
  }

  return {
    apply(group) {
      try {
        const applied = guarded(() => applyWithReplay(group))
        unchecked += applied.bytes
        return applied
      } catch (error) {
        failedBytes = Math.max(failedBytes, group.size)
        throw error
      }
    },
    keepLogShort() {
      const bytes = unchecked
      unchecked = 0
      guarded(() => opened?.wal.committed(bytes))
    },
    checkpointed: () => guarded(() => opened?.wal.checkpointed()),
    read: work => guarded(() => work(open().catalog)),
    change: work => change(({ catalog }) => work(catalog)),
    beginDelete: ref =>
      change(({ catalog, writer }) => {
        writer.forget()
        return catalog.beginDelete(ref)
      }),
    probe: () =>
      guarded(() => {
        probe(open().db, failedBytes)
        failedBytes = 0
      }),
    changedElsewhere: () =>
      guarded(() => {
        const now = opened?.db.pragma('data_version', { simple: true })
        const changed = now !== undefined && version !== now
        version = now
        return changed
      }),
    replaced() {
      // SQLite itself removes the log when the last connection closes
      if (opened === undefined) return files?.databaseReplaced() ? path : undefined
      return files?.replaced()
    },
    close() {
      closed = true
      const db = opened?.db
      opened = undefined
      closeDatabase(db)
      files?.removeStaleLog()
    },
  }
}
