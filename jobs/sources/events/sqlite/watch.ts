import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { sleep } from '../sleep.ts'

/** How often to look where nothing tells of writes (network folders, too many watches); ms. */
const slowest = 1000
/** Between a write and a look: the log is written before its commit can be seen, and synced in between; ms. */
const soonest = 5

/** Tells when to look whether a database was written to. */
export interface StoreWatch {
  /** Resolves soon after a write, or after a while that grows with every call without one. */
  next(): Promise<void>
  close(): void
}

/** Watches the folder: a log is deleted and made again when gateways come and go. `signal` ends all waiting. */
export function watchStore(file: string, signal: AbortSignal): StoreWatch {
  const names = new Set([basename(file), `${basename(file)}-wal`])
  let delay = soonest
  let wrote = false
  let wake: (() => void) | undefined
  let watcher: FSWatcher | undefined

  const stopWatching = () => watcher?.close()
  try {
    watcher = watch(dirname(file), (_, name) => {
      if (name !== null && !names.has(name)) return
      wrote = true
      wake?.()
    })
    // looking now and then goes on without it
    watcher.on('error', stopWatching)
  } catch {
    // no watches are left, or the file system has none
  }

  return {
    async next() {
      if (!wrote) await sleep(delay, signal, early => (wake = early))
      wake = undefined
      delay = wrote ? soonest : Math.min(delay * 2, slowest)
      if (wrote) {
        // many writes are one look
        wrote = false
        await sleep(soonest, signal)
      }
    },
    close: stopWatching,
  }
}
