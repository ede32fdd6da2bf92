import { type FSWatcher, watch } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Tells when something in a folder may have changed. */
export interface Waker {
  /** Ends `rest` ms after a change since the last call, at the latest after `most` ms. Rejects when the signal aborts. */
  wait(rest: number, most: number, signal: AbortSignal): Promise<void>
  close(): void
}

/** Where the system cannot watch (network folders, too many watches) every wait takes its time. */
export function createWaker(folder: string | undefined): Waker {
  let changed = new AbortController()
  let watcher: FSWatcher | undefined
  try {
    if (folder !== undefined) watcher = watch(folder, { persistent: false }, () => changed.abort())
    watcher?.on('error', () => watcher?.close())
  } catch {
    watcher = undefined
  }
  return {
    async wait(rest, most, signal) {
      await delay(Math.min(rest, most), undefined, { signal })
      const until = AbortSignal.any([changed.signal, signal])
      await delay(Math.max(0, most - rest), undefined, { signal: until }).catch(() => signal.throwIfAborted())
      changed = new AbortController()
    },
    close: () => watcher?.close(),
  }
}
