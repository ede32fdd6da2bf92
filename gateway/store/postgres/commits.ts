import { AppError } from '../../../core/errors.ts'
import { recordsBytes } from '../records.ts'
import type { AppendOutcome, AppendRequest, StoreStats } from '../store.ts'
import type { Settled } from './lane.ts'
import { type Item, nameOf } from './plan.ts'

/** From these sizes on a group takes a connection of its own while others are in work; smaller ones stay and grow. */
const aheadBytes = 64 * 1024
const aheadItems = 256
/** A small group follows after so long all the same: one that waits for a lock must not hold up other streams; ms. */
const patience = 10
/** A group ends at these sizes, though always after at least one append. */
const groupBytes = 4 * 1024 * 1024
const groupItems = 4096
/** Names of streams by id that are remembered, so that a close takes its turn among the appends of its stream. */
const rememberedNames = 50_000

interface Pending {
  item: Item
  /** of the stream; that of a close of an unknown one is empty */
  name: string
  bytes: number
  at: number
  resolve?: (outcome: AppendOutcome) => void
  reject?: (error: Error) => void
}

/** Bytes of memory that a request holds until it is stored. */
const bytesOf = ({ frames, records }: AppendRequest): number =>
  records === undefined ? (frames?.bytes.length ?? 0) : recordsBytes(records)

/**
 * Group commit over a few lanes: appends that arrive while commits run share the next one. A stream is in one group at a
 * time, so that its appends keep the order of their calls.
 */
export function createCommits(lanes: readonly { run(items: readonly Item[]): Promise<Settled[]> }[]) {
  let waiting: Pending[] = []
  let waitingBytes = 0
  let scheduled = false
  let waits = false
  const idle = [...lanes]
  const busy = new Set<string>()
  const names = new Map<number, string>()
  let drained: (() => void)[] = []
  const stats: StoreStats = { queuedAppends: 0, queuedBytes: 0, commits: 0, appends: 0, events: 0, commitSeconds: 0 }

  const isTime = () =>
    waiting.length > 0 &&
    idle.length > 0 &&
    (idle.length === lanes.length ||
      waitingBytes >= aheadBytes ||
      waiting.length >= aheadItems ||
      performance.now() - waiting[0]!.at >= patience)

  /** Appends of one turn of the event loop go together. */
  function schedule(): void {
    if (scheduled || waiting.length === 0 || idle.length === 0) return
    if (!isTime()) {
      if (!waits)
        setTimeout(() => {
          waits = false
          schedule()
        }, patience)
      waits = true
      return
    }
    scheduled = true
    setImmediate(() => {
      scheduled = false
      while (isTime()) {
        const group = take()
        if (group.length === 0) break
        void work(idle.pop()!, group)
      }
    })
  }

  /** The first that wait, but for those whose streams are in work. */
  function take(): Pending[] {
    const group: Pending[] = []
    const rest: Pending[] = []
    /** streams that have an append which stays, so that no later one of theirs may go */
    const held = new Set(busy)
    let bytes = 0
    for (const pending of waiting) {
      const fits = group.length === 0 || (group.length < groupItems && bytes + pending.bytes <= groupBytes)
      if (!fits || (pending.name !== '' && held.has(pending.name))) {
        held.add(pending.name)
        rest.push(pending)
        continue
      }
      bytes += pending.bytes
      group.push(pending)
    }
    for (const { name } of group) busy.add(name)
    waiting = rest
    waitingBytes -= bytes
    return group
  }

  async function work(lane: (typeof lanes)[number], group: Pending[]): Promise<void> {
    const begun = performance.now()
    const settled = await lane.run(group.map(({ item }) => item))
    idle.push(lane)
    for (const { name } of group) busy.delete(name)
    let events = 0
    let stored = false
    for (const [k, { bytes, name, resolve, reject }] of group.entries()) {
      stats.queuedAppends--
      stats.queuedBytes -= bytes
      const one = settled[k]!
      if ('failure' in one) {
        reject?.(one.failure)
        continue
      }
      stored = true
      const { outcome } = one
      if (outcome === undefined) continue
      if (outcome.ok) {
        events += outcome.accepted
        remember(outcome.streamId, name)
      }
      resolve?.(outcome)
    }
    if (stored) {
      stats.commits++
      stats.appends += group.length
      stats.events += events
      stats.commitSeconds += (performance.now() - begun) / 1000
    }
    if (waiting.length > 0) schedule()
    else if (stats.queuedAppends === 0) {
      for (const resolve of drained) resolve()
      drained = []
    }
  }

  function remember(streamId: number, name: string): void {
    if (names.size >= rememberedNames) names.clear()
    names.set(streamId, name)
  }

  function enqueue(pending: Omit<Pending, 'at'>): void {
    stats.queuedAppends++
    stats.queuedBytes += pending.bytes
    waitingBytes += pending.bytes
    waiting.push({ ...pending, at: performance.now() })
    schedule()
  }

  return {
    stats,
    append(request: AppendRequest): Promise<AppendOutcome> {
      return new Promise((resolve, reject) =>
        enqueue({ item: { request }, name: nameOf(request), bytes: bytesOf(request), resolve, reject }),
      )
    },
    close(streamId: number, at: number): void {
      enqueue({ item: { close: { streamId, at } }, name: names.get(streamId) ?? '', bytes: 0 })
    },
    /** Resolves when nothing waits any more. */
    drained(): Promise<void> {
      return stats.queuedAppends === 0 ? Promise.resolve() : new Promise(resolve => drained.push(resolve))
    },
  }
}

export const closedError = () => new AppError('stopping', 'the store is closed', { retryAfter: 1 })
