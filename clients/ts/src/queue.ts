/**
 * What was taken and is not settled, in order: batches of entries, the first of which has position `base`.
 *
 *   | sent on this connection | sent before, to be sent again | never sent |
 *   0 ───────────────────── cursor ───────────────────────── tried ────── batches.length
 *
 * Only what was never sent may be dropped. Positions are not kept but counted, so that leaving out an entry moves all behind it.
 */

interface Batch {
  /** still growing: its lines; `body` is made when it is full or due */
  lines: string[] | undefined
  body: string | Uint8Array<ArrayBuffer>
  /** of bytes: where each entry ends; the first `cut` entries are no longer in `body` */
  ends: Uint32Array | undefined
  /** number in the spool of the first entry */
  entry: number
  count: number
  size: number
  /** entries at the front of `body` that are settled */
  stale: number
  /** when it went out, milliseconds */
  sentAt: number
}

export interface Outgoing {
  body: string | Uint8Array<ArrayBuffer>
  position: number
  count: number
  /** entries of it that were sent on another connection before */
  again: number
}

export type Queue = ReturnType<typeof createQueue>

export function createQueue(batchBytes: number) {
  const batches: Batch[] = []
  let cursor = 0
  let tried = 0
  const queue = {
    /** position of the first entry */
    base: 0,
    entries: 0,
    bytes: 0,
    /** on this connection, entries and bytes without an ack */
    inFlight: 0,
    inFlightBytes: 0,
    /** entries that were ever sent */
    triedEntries: 0,
    /** no batch is made larger: a gateway may take less than we would send at a time */
    limit: Number.POSITIVE_INFINITY,
    add,
    addBatch,
    next,
    settle,
    rewind,
    dropUnsent,
    dropFirst,
    halve,
    texts,
    /** bytes of what `next` would give, roughly */
    unsentBytes: () => batches.slice(tried).reduce((sum, { size }) => sum + size, 0),
    nextBytes: () => Math.min(batches[cursor]?.size ?? 0, queue.limit),
    firstEntry: () => batches[0]?.entry,
  }

  /** Returns true where a batch became full by it. `entry`: its number in the spool. */
  function add(line: string, entry: number, wasSent = false): boolean {
    const size = line.length + 1
    let last = batches[batches.length - 1]
    let filled = false
    if (
      last?.lines === undefined ||
      last.size + size > batchBytes ||
      last.entry + last.count !== entry ||
      (!wasSent && tried === batches.length)
    ) {
      filled = last?.lines !== undefined
      seal(last)
      last = { lines: [], body: '', ends: undefined, entry, count: 0, size: 0, stale: 0, sentAt: 0 }
      batches.push(last)
    }
    last.lines!.push(line)
    last.count++
    last.size += size
    queue.entries++
    queue.bytes += size
    if (wasSent) {
      tried = batches.length
      queue.triedEntries++
    }
    return filled
  }

  function addBatch(body: Uint8Array<ArrayBuffer>, ends: Uint32Array, entry: number): void {
    seal(batches[batches.length - 1])
    batches.push({ lines: undefined, body, ends, entry, count: ends.length, size: body.length, stale: 0, sentAt: 0 })
    queue.entries += ends.length
    queue.bytes += body.length
  }

  /** The next batch to send on this connection, marked as sent; `partial`: also one that is not full. */
  function next(partial: boolean, now: number): Outgoing | undefined {
    let batch = batches[cursor]
    if (batch === undefined || (batch.lines !== undefined && !partial)) return undefined
    seal(batch)
    cutStale(batch, cursor)
    while (batch.size > queue.limit && batch.count > 1) batch = split(cursor)
    const again = cursor < tried ? batch.count : 0
    const position = queue.base + queue.inFlight
    batch.sentAt = now
    cursor++
    if (cursor > tried) {
      tried = cursor
      queue.triedEntries += batch.count
    }
    queue.inFlight += batch.count
    queue.inFlightBytes += batch.size
    return { body: batch.body, position, count: batch.count, again }
  }

  /** All below `count` is stored. Returns how many entries that settles; `onBatch` hears when each whole batch went out. */
  function settle(count: number, onBatch?: (sentAt: number) => void): number {
    const before = queue.entries
    while (batches.length > 0 && queue.base < count) {
      const first = batches[0]!
      const taken = Math.min(first.count, count - queue.base)
      if (taken === first.count) {
        if (cursor > 0) onBatch?.(first.sentAt)
        remove(0)
      } else {
        seal(first)
        first.stale += taken
        leave(first, 0, taken, 0)
      }
      queue.base += taken
    }
    return before - queue.entries
  }

  /** `count` entries leave the front of a batch, with `size` of its bytes. */
  function leave(batch: Batch, at: number, count: number, size: number): void {
    batch.count -= count
    batch.entry += count
    batch.size -= size
    queue.entries -= count
    queue.bytes -= size
    if (at < tried) queue.triedEntries -= count
    if (at < cursor) {
      queue.inFlight -= count
      queue.inFlightBytes -= size
    }
  }

  function remove(at: number): void {
    const batch = batches[at]!
    leave(batch, at, batch.count, batch.size)
    batches.splice(at, 1)
    if (at < tried) tried--
    if (at < cursor) cursor--
  }

  /** Entries that were settled while their batch was under way need not be sent again. */
  function cutStale(batch: Batch, at: number): void {
    const { stale } = batch
    batch.stale = 0
    if (stale > 0) leave(batch, at, 0, cutFront(batch, stale))
  }

  /** A new connection: all is to be sent again, from `base` on. */
  function rewind(): void {
    cursor = 0
    queue.inFlight = 0
    queue.inFlightBytes = 0
  }

  /** Drops the oldest entry that was never sent; undefined where there is none. */
  function dropUnsent(): { entry: number } | undefined {
    const batch = batches[tried]
    return batch && dropFrontOf(batch, tried)
  }

  /** Drops the entry at `base`. */
  function dropFirst(): { entry: number } | undefined {
    return batches[0] && dropFrontOf(batches[0], 0)
  }

  function dropFrontOf(batch: Batch, at: number): { entry: number } {
    const { entry } = batch
    cutStale(batch, at)
    if (batch.count === 1) remove(at)
    else leave(batch, at, 1, batch.lines === undefined ? cutFront(batch, 1) : batch.lines.shift()!.length + 1)
    return { entry }
  }

  /** What is under way was too much for the gateway at a time. Returns false where it is one entry. */
  function halve(): boolean {
    if (queue.inFlight <= 1) return false
    queue.limit = Math.max(1, queue.inFlightBytes >> 1)
    return true
  }

  /** Cuts a batch in two and returns the first half. */
  function split(at: number): Batch {
    const batch = batches[at]!
    const count = batch.count >> 1
    const { body, ends, size } = batch
    const cut = cutFront(batch, count)
    const half: Batch = {
      ...batch,
      body: body.slice(0, cut) as Batch['body'],
      ends: ends?.slice(0, count),
      count,
      size: cut,
    }
    batches[at] = half
    batches.splice(at + 1, 0, { ...batch, entry: batch.entry + count, count: batch.count - count, size: size - cut })
    if (at < tried) tried++
    return half
  }

  /** From `base` on, as lines, as many entries as fit into `maxBytes` of UTF-8; for a page that is left. All count as sent. */
  function texts(maxBytes: number): { body: string; count: number } {
    const encoder = new TextEncoder()
    let [body, count, room] = ['', 0, maxBytes]
    for (const [at, batch] of batches.entries()) {
      seal(batch)
      cutStale(batch, at)
      if (typeof batch.body !== 'string') break
      for (const line of batch.body.split('\n', batch.count)) {
        room -= encoder.encode(line).length + 1
        if (room < 0) return { body, count }
        body += `${line}\n`
        count++
        if (at < tried) continue
        tried = at + 1
        queue.triedEntries += batch.count
      }
    }
    return { body, count }
  }

  return queue
}

function seal(batch: Batch | undefined): void {
  if (batch?.lines === undefined) return
  batch.body = `${batch.lines.join('\n')}\n`
  batch.lines = undefined
}

/** Takes the first `count` entries out of the body; returns their size. */
function cutFront(batch: Batch, count: number): number {
  let at = 0
  if (batch.ends !== undefined) {
    at = batch.ends[count - 1]!
    const rest = batch.ends.slice(count)
    batch.ends = rest.map(end => end - at)
  } else for (let i = 0; i < count; i++) at = (batch.body as string).indexOf('\n', at) + 1
  batch.body = typeof batch.body === 'string' ? batch.body.slice(at) : batch.body.subarray(at)
  return at
}
