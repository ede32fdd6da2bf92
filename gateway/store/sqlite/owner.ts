import { existsSync, statSync } from 'node:fs'
import type { StreamRef } from '../store.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { type Db, type Durability, openForWriting } from './database.ts'
import { isBusy, storeFailure } from './failures.ts'
import type { Group } from './group.ts'
import { type Applied, createWriter, type Writer } from './writer.ts'

/** The WAL may grow to this size while a reader holds checkpoints back; then the writer waits for one. */
const walCap = 256 * 1024 * 1024
const commitsBetweenWalChecks = 64

/**
 * The writing connection through its life: opened, lost, opened again.
 *
 * After any error in a group nothing of it is acknowledged before the database was closed, opened, made durable and
 * asked what it holds; the group is then replayed, or known to be stored. A cause that stays is the group's answer, and
 * the next group (or `probe`) tries again.
 */
export interface Owner {
  apply(group: Group): Applied
  catalog(): Catalog
  /** Takes a stream out of sight; see `Catalog.beginDelete`. */
  beginDelete(ref: StreamRef): number | undefined
  /** Writes a page without changing anything, so that a failing store is found healthy again without traffic. */
  probe(): void
  /** Another process committed since the last call: tokens may have changed. */
  changedElsewhere(): boolean
  /** The file at the path is no longer the one that is open: it was deleted or replaced. */
  isReplaced(): boolean
  close(): void
}

interface Opened {
  db: Db
  writer: Writer
  catalog: Catalog
  inode: number
}

export function createOwner(path: string, durability: Durability): Owner {
  let opened: Opened | undefined
  let version: unknown
  let commits = 0

  function open(): Opened {
    if (opened !== undefined) return opened
    const db = openForWriting(path, durability)
    opened = { db, writer: createWriter(db), catalog: createCatalog(db), inode: statSync(path).ino }
    return opened
  }

  function drop(): void {
    const db = opened?.db
    opened = undefined
    try {
      db?.close()
    } catch {
      // closing what is already broken: the next open tells what is wrong
    }
  }

  /** What was committed before the error may be in the page cache only (a failed fsync): write it to the disk anew. */
  function reopenDurably(): Opened {
    drop()
    const fresh = open()
    const rows = fresh.db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
    if (rows[0]?.busy !== 0)
      throw Object.assign(new Error('a reader holds the write-ahead log'), { code: 'SQLITE_BUSY' })
    return fresh
  }

  function applyWithReplay(group: Group): Applied {
    const first = open()
    try {
      return first.writer.apply(group)
    } catch (error) {
      if (isBusy(error)) throw error
      const { uncertain } = first.writer
      const fresh = reopenDurably()
      if (uncertain !== undefined && fresh.writer.wasStored(group, uncertain)) return uncertain
      return fresh.writer.apply(group)
    }
  }

  /** Runs `work`; a failure that is not the lock's closes the connection, so that the next call begins anew. */
  function guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) drop()
      throw storeFailure(error, path)
    }
  }

  function capWal(db: Db): void {
    if (++commits % commitsBetweenWalChecks !== 0) return
    const wal = `${path}-wal`
    if (existsSync(wal) && statSync(wal).size > walCap) db.pragma('wal_checkpoint(RESTART)')
  }

  return {
    apply: group =>
      guarded(() => {
        const applied = applyWithReplay(group)
        capWal(open().db)
        return applied
      }),
    catalog: () => guarded(() => open().catalog),
    beginDelete: ref =>
      guarded(() => {
        const { catalog, writer } = open()
        writer.forget()
        return catalog.beginDelete(ref)
      }),
    probe: () =>
      guarded(() => {
        const { db } = open()
        db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`)
      }),
    changedElsewhere() {
      if (opened === undefined) return false
      const now = opened.db.pragma('data_version', { simple: true })
      const changed = version !== now
      version = now
      return changed
    },
    isReplaced() {
      if (opened === undefined) return false
      const replaced = !existsSync(path) || statSync(path).ino !== opened.inode
      if (replaced) drop()
      return replaced
    },
    close() {
      const db = opened?.db
      opened = undefined
      db?.close()
    },
  }
}
