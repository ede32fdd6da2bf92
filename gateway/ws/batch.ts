import type { DeadEntry, Frames } from '../../core/framing/framing.ts'

/** The entries of many messages, gathered for one append. */
export interface Batch {
  /** Takes a copy of `bytes[start, end)`. `why`: it is a dead letter for this reason */
  add(bytes: Uint8Array, start: number, end: number, why?: Pick<DeadEntry, 'code' | 'message'>): void
  addFrames(frames: Frames): void
  /** Hands over at most `most` entries, oldest first. They are valid until `release`. */
  take(most: number): { frames: Frames; release(): void }
}

const firstBytes = 4096
const firstEntries = 64
/** Buffers of this size at most are used again, and at most so many wait for that. */
const pooledBytes = 2 * 1024 * 1024
const pooled = 16

interface Pages {
  bytes: Uint8Array<ArrayBuffer>
  used: number
  spans: Uint32Array<ArrayBuffer>
  count: number
  dead: DeadEntry[]
}

/** Of all sockets together: one that rests holds no buffer. */
const pool: Pages[] = []

const freshPages = (): Pages =>
  pool.pop() ?? { bytes: new Uint8Array(0), used: 0, spans: new Uint32Array(0), count: 0, dead: [] }

function recycle(pages: Pages): void {
  if (pool.length >= pooled || pages.bytes.length > pooledBytes) return
  pages.used = 0
  pages.count = 0
  pages.dead = []
  pool.push(pages)
}

export function createBatch(): Batch {
  let current: Pages | undefined

  function room(pages: Pages, bytes: number, entries: number): void {
    if (pages.used + bytes > pages.bytes.length) {
      const grown = new Uint8Array(Math.max(firstBytes, pages.bytes.length * 2, pages.used + bytes))
      grown.set(pages.bytes.subarray(0, pages.used))
      pages.bytes = grown
    }
    if ((pages.count + entries) * 2 > pages.spans.length) {
      const grown = new Uint32Array(Math.max(firstEntries * 2, pages.spans.length * 2, (pages.count + entries) * 2))
      grown.set(pages.spans.subarray(0, pages.count * 2))
      pages.spans = grown
    }
  }

  /** Appends entries `from` to `to` of others, whose spans are of `bytes`. */
  function append(pages: Pages, others: Pick<Frames, 'bytes' | 'spans' | 'dead'>, from: number, to: number): void {
    if (from === to) return
    const first = others.spans[from * 2]!
    const end = others.spans[to * 2 - 1]!
    room(pages, end - first, to - from)
    pages.bytes.set(others.bytes.subarray(first, end), pages.used)
    const shift = pages.used - first
    for (let i = from * 2; i < to * 2; i++) pages.spans[(pages.count - from) * 2 + i] = others.spans[i]! + shift
    for (const letter of others.dead)
      if (letter.at >= from && letter.at < to) pages.dead.push({ ...letter, at: letter.at - from + pages.count })
    pages.used += end - first
    pages.count += to - from
  }

  return {
    add(bytes, start, end, why) {
      const filling = (current ??= freshPages())
      const size = end - start
      room(filling, size, 1)
      filling.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), filling.used)
      if (why !== undefined) filling.dead.push({ at: filling.count, code: why.code, message: why.message, size })
      filling.spans[filling.count * 2] = filling.used
      filling.used += size
      filling.spans[filling.count * 2 + 1] = filling.used
      filling.count++
    },
    addFrames(frames) {
      append((current ??= freshPages()), frames, 0, frames.count)
    },
    take(most) {
      const pages = current ?? freshPages()
      const count = Math.min(most, pages.count)
      current = undefined
      if (count < pages.count) append((current = freshPages()), pages, count, pages.count)
      const frames: Frames = {
        bytes: pages.bytes.subarray(0, count === 0 ? 0 : pages.spans[count * 2 - 1]!),
        spans: pages.spans.subarray(0, count * 2),
        count,
        dead: pages.dead.filter(letter => letter.at < count),
      }
      return { frames, release: () => recycle(pages) }
    },
  }
}
