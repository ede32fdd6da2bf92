import type { AppendOutcome, AppendRequest, StoreStats } from '../store.ts'
import { decodeOutcome, encodeGroup, type Group, type Item, requestBytes } from './group.ts'

/**
 * From these sizes on a group follows the one in work, so that the writer need not wait for the next. Smaller ones stay
 * and grow until it is done: fewer commits, each sooner. Measured at 18,000 one-event POSTs/s: p50 0.83 ms against
 * 0.97 ms, and a tenth less processor time.
 */
const aheadBytes = 64 * 1024
const aheadItems = 256
/** A group ends at these sizes, though always after at least one append. */
const groupBytes = 4 * 1024 * 1024
const groupItems = 4096
/** Buffers above this size are left to the garbage collector. */
const spareBytes = 8 * 1024 * 1024

type Pending = Item & { resolve?: (outcome: AppendOutcome) => void; reject?: (error: Error) => void; bytes: number }

/**
 * Group commit: appends that arrive while a commit runs share the next one. There is no timer; a lone append is
 * sent at once, and under load groups grow by themselves. Where `send` throws, the appends of that group reject.
 */
export function createCommits(send: (id: number, group: Group) => void) {
  let waiting: Pending[] = []
  let waitingBytes = 0
  let scheduled = false
  let nextId = 1
  let spare: ArrayBuffer | undefined
  /** what the writer has, oldest first; it answers in order */
  const inFlight: { id: number; items: Pending[] }[] = []
  const stats: StoreStats = { queuedAppends: 0, queuedBytes: 0, commits: 0, appends: 0, events: 0, commitSeconds: 0 }

  const writerHasRoom = () =>
    inFlight.length === 0 || (inFlight.length === 1 && (waitingBytes >= aheadBytes || waiting.length >= aheadItems))

  /** Appends of one turn of the event loop go together. */
  function schedule(): void {
    if (scheduled || !writerHasRoom()) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      flush()
    })
  }

  function flush(): void {
    while (waiting.length > 0 && writerHasRoom()) {
      let taken = 0
      let bytes = 0
      while (
        taken < waiting.length &&
        taken < groupItems &&
        (taken === 0 || bytes + waiting[taken]!.bytes <= groupBytes)
      ) {
        bytes += waiting[taken]!.bytes
        taken++
      }
      waitingBytes -= bytes
      const items = taken === waiting.length ? waiting : waiting.slice(0, taken)
      waiting = taken === waiting.length ? [] : waiting.slice(taken)
      const id = nextId++
      inFlight.push({ id, items })
      const group = encodeGroup(items, spare)
      spare = undefined
      try {
        send(id, group)
      } catch (error) {
        failed(id, error as Error)
      }
    }
  }

  function failed(id: number, error: Error): void {
    for (const item of settle(id)) item.reject?.(error)
  }

  function settle(id: number): Pending[] {
    const at = inFlight.findIndex(group => group.id === id)
    const items = at < 0 ? [] : inFlight.splice(at, 1)[0]!.items
    stats.queuedAppends -= items.length
    for (const item of items) stats.queuedBytes -= item.bytes
    if (waiting.length > 0) schedule()
    return items
  }

  function enqueue(item: Pending): void {
    stats.queuedAppends++
    stats.queuedBytes += item.bytes
    waiting.push(item)
    waitingBytes += item.bytes
    schedule()
  }

  return {
    stats,
    append(request: AppendRequest): Promise<AppendOutcome> {
      return new Promise((resolve, reject) => enqueue({ request, resolve, reject, bytes: requestBytes(request) }))
    },
    close(streamId: number, at: number): void {
      enqueue({ close: { streamId, at }, bytes: 0 })
    },
    applied(id: number, results: Float64Array, buffer: ArrayBuffer, seconds: number, events: number): void {
      if (buffer.byteLength <= spareBytes) spare = buffer
      const items = settle(id)
      stats.commits++
      stats.appends += items.length
      stats.events += events
      stats.commitSeconds += seconds
      for (let i = 0; i < items.length; i++) items[i]!.resolve?.(decodeOutcome(results, i))
    },
    failed,
    /** The writer is gone: what it had may or may not be stored. */
    lost(error: Error): void {
      for (const { id } of [...inFlight]) failed(id, error)
    },
    /** Resolves when nothing waits any more. */
    async drained(): Promise<void> {
      while (waiting.length > 0 || inFlight.length > 0) {
        flush()
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    },
  }
}
