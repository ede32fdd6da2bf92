import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, Db } from '../../../drivers/sqlite/connection.ts'

/** Pages that are given back at once: a few milliseconds, in which the gateway's writer waits. */
const slicePages = 64
const restMs = 12

export interface Shrunk {
  bytes_before: number
  bytes_after: number
  /** bytes of pages in the file that hold nothing, and are used before it grows */
  bytes_free: number
  /** a reader, or a writer, had the log: it is shortened another time */
  log_busy: boolean
}

/** `whole`: nobody else has the file, so that it may be written anew. */
export async function shrink(connection: Connection, whole: boolean, signal: AbortSignal): Promise<Shrunk> {
  const bytes_before = sizeOf(connection.path)
  const figure = (name: string) => connection.run(db => db.pragma(name, { simple: true }) as number)
  if (whole) {
    if ((await figure('freelist_count')) > 0) await connection.run(db => db.exec('vacuum'))
  } else if ((await figure('auto_vacuum')) === 2) {
    while ((await figure('freelist_count')) > 0) {
      signal.throwIfAborted()
      await connection.change(db => db.pragma(`incremental_vacuum(${slicePages})`))
      await delay(restMs)
    }
  }
  const log_busy = await connection.run(cutLog)
  const bytes_free = (await figure('freelist_count')) * (await figure('page_size'))
  return { bytes_before, bytes_after: sizeOf(connection.path), bytes_free, log_busy }
}

/** Most of it is copied while commits go on; the lock is held for the rest alone. True where somebody else uses it. */
function cutLog(db: Db): boolean {
  db.pragma('wal_checkpoint(PASSIVE)')
  const [{ busy }] = db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }]
  return busy !== 0
}

function sizeOf(path: string): number {
  return statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0)
}
