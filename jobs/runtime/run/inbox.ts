import type { RecordBatch } from 'apache-arrow'
import { byteLength } from '../batch/select.ts'

/**
 * What comes into a node: one bounded lane per input. The only buffers of a pipeline. A marker is handed out once it
 * has come on every lane; a lane whose marker has come waits for the others, so that no row of the next epoch passes.
 */
export interface Inbox {
  /** Resolves once there was room. One call per lane at a time; calls keep their order. */
  push(lane: number, item: RecordBatch | Marker): Promise<void>
  /** Rows that go before all others, outside the lanes: dead letters that are tried again. */
  inject(lane: number, batch: RecordBatch): void
  /** The next rows of one lane, joined up to `rows`, and waited for up to `wait` ms; or a marker. One call at a time. */
  take(options?: { rows?: number; wait?: number }): Promise<Item>
  /** batches that wait */
  readonly queued: number
}

/** Ends an epoch. After the last one no rows come. */
export interface Marker {
  epoch: number
  last: boolean
}

export interface Rows {
  lane: number
  /** in order, at least one row together */
  batches: readonly RecordBatch[]
}

export type Item = Rows | Marker

interface Lane {
  queue: (RecordBatch | Marker)[]
  bytes: number
  /** its marker has come, and those of others have not */
  marker: Marker | undefined
  room: (() => void) | undefined
}

export interface InboxOptions {
  lanes: number
  /** batches of a lane */
  batches: number
  /** bytes of a lane; one batch always fits */
  bytes: number
  signal: AbortSignal
}

export const isMarker = (item: object): item is Marker => 'epoch' in item

export function createInbox({ lanes: count, batches, bytes, signal }: InboxOptions): Inbox {
  const lanes: Lane[] = Array.from({ length: count }, () => ({
    queue: [],
    bytes: 0,
    marker: undefined,
    room: undefined,
  }))
  const injected: { lane: number; batches: RecordBatch[] }[] = []
  let arrived: (() => void) | undefined
  let turn = 0
  signal.addEventListener('abort', wakeAll, { once: true })

  function wakeAll(): void {
    arrived?.()
    for (const lane of lanes) lane.room?.()
  }

  const isFull = ({ queue, bytes: used }: Lane): boolean => queue.length >= batches || used >= bytes

  async function push(at: number, item: RecordBatch | Marker): Promise<void> {
    const lane = lanes[at]!
    while (isFull(lane) && !signal.aborted)
      await new Promise<void>(resolve => {
        lane.room = resolve
      })
    signal.throwIfAborted()
    lane.queue.push(item)
    if (!isMarker(item)) lane.bytes += byteLength(item)
    arrived?.()
  }

  function shift(lane: Lane): RecordBatch | Marker {
    const item = lane.queue.shift()!
    if (!isMarker(item)) lane.bytes -= byteLength(item)
    if (lane.room !== undefined && !isFull(lane)) {
      lane.room()
      lane.room = undefined
    }
    return item
  }

  /** What the head of a lane is, where it may be handed out. */
  const head = (lane: Lane) => (lane.marker === undefined ? lane.queue[0] : undefined)

  function next(rows: number): Item | undefined {
    const first = injected.shift()
    if (first !== undefined) return first
    for (let tried = 0; tried < count; tried++) {
      const at = (turn + tried) % count
      const lane = lanes[at]!
      const item = head(lane)
      if (item === undefined) continue
      if (isMarker(item)) {
        lane.marker = shift(lane) as Marker
        if (lanes.some(other => other.marker === undefined)) continue
        for (const other of lanes) other.marker = undefined
        return item
      }
      turn = at + 1
      return { lane: at, batches: gather(lane, rows, []) }
    }
    return undefined
  }

  function gather(lane: Lane, rows: number, batches: RecordBatch[]): RecordBatch[] {
    let total = batches.reduce((sum, batch) => sum + batch.numRows, 0)
    for (let item = head(lane); item !== undefined && !isMarker(item); item = head(lane)) {
      if (total > 0 && total + item.numRows > rows) break
      total += item.numRows
      batches.push(shift(lane) as RecordBatch)
    }
    return batches
  }

  async function arrival(ms?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      arrived = resolve
      if (ms !== undefined) timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
    arrived = undefined
    signal.throwIfAborted()
  }

  /** Waits for more rows of the lane, unless its marker is there, which would end the epoch anyway. */
  async function collect(item: Rows, rows: number, wait: number): Promise<Item> {
    const lane = lanes[item.lane]!
    const batches = [...item.batches]
    const until = performance.now() + wait
    for (;;) {
      gather(lane, rows, batches)
      const left = until - performance.now()
      const enough = batches.reduce((sum, batch) => sum + batch.numRows, 0) >= rows
      if (enough || left <= 0 || head(lane) !== undefined || lane.marker !== undefined) break
      await arrival(left)
    }
    return { lane: item.lane, batches }
  }

  return {
    push,
    inject(lane, batch) {
      injected.push({ lane, batches: [batch] })
      arrived?.()
    },
    async take({ rows = 65_536, wait = 0 } = {}) {
      signal.throwIfAborted()
      for (;;) {
        const item = next(rows)
        if (item === undefined) await arrival()
        else return wait > 0 && !isMarker(item) ? collect(item, rows, wait) : item
      }
    },
    get queued() {
      return lanes.reduce((sum, { queue }) => sum + queue.length, 0)
    },
  }
}
