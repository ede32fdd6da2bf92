import { busyMs, type Db } from './database.ts'

/**
 * Keeps the write-ahead log short without holding the writer up: another thread copies most of it into the database
 * while commits go on, and the writer copies the little that came meanwhile, so that the next commit begins the log anew.
 *
 * A process that reads one old state for long keeps the log from beginning anew. Commits go on all the same: the log
 * then grows, the writer asks for its turn now and then, and the operator is told.
 */
export interface WalKeeper {
  /** Call after each commit, with the bytes of its events. */
  committed(bytes: number): void
  /** The other thread is done: copy the rest. */
  checkpointed(): void
}

export interface WalEvents {
  /** Another thread is to copy the log, and `checkpointed` to be called after it. */
  request(): void
  /** A reader holds the log back, which has this many pages. */
  held(pages: number): void
}

export interface WalSizes {
  /** pages (4 KiB) of log that begin a checkpoint. Default 2,000 */
  soft?: number
  /** pages at which the writer waits for the log's end: readers, or a slow disk, held the others back. Default 65,536 (256 MiB) */
  hard?: number
}

/** What the writer copies itself at the end: a few milliseconds. More is left to another pass, though not for ever. */
const restPages = 256
const passesMost = 5
/** Pages that a commit writes beside its payload, roughly: the ends of tables and indexes. */
const pagesPerCommit = 12
/** How long the writer waits for readers each time, ms. */
const patience = 200

export function createWalKeeper(
  db: Db,
  { request, held }: WalEvents,
  { soft = 2000, hard = 65_536 }: WalSizes = {},
): WalKeeper {
  let estimate = 0
  let asked = false
  let passes = 0
  let forceAt = hard

  /** NOOP tells the sizes and copies nothing (SQLite 3.51). */
  function sizes(): { log: number; toCopy: number } {
    const [{ log, checkpointed }] = db.pragma('wal_checkpoint(NOOP)') as [{ log: number; checkpointed: number }]
    return { log, toCopy: log - Math.max(checkpointed, 0) }
  }

  function force(log: number): void {
    db.pragma(`busy_timeout = ${patience}`)
    try {
      const [{ busy }] = db.pragma('wal_checkpoint(RESTART)') as [{ busy: number }]
      forceAt = busy === 0 ? hard : log + hard / 4
      if (busy !== 0) held(log)
    } finally {
      db.pragma(`busy_timeout = ${busyMs}`)
    }
  }

  return {
    committed(bytes) {
      estimate += pagesPerCommit + bytes / 2048
      if (estimate < soft) return
      const { log, toCopy } = sizes()
      if (log < hard) forceAt = hard
      estimate = toCopy < soft ? toCopy : soft / 2
      if (log >= forceAt) force(log)
      else if (toCopy >= soft && !asked) {
        asked = true
        request()
      }
    },
    checkpointed() {
      passes++
      if (sizes().toCopy > restPages && passes < passesMost) {
        request()
        return
      }
      db.pragma('wal_checkpoint(PASSIVE)')
      asked = false
      passes = 0
      // what is left is held by a reader: to ask again at once would not help
      estimate = 0
    },
  }
}
