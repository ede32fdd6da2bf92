import type { Frames } from '../../core/framing/framing.ts'

/** The entries of many messages, gathered for one append. */
export interface Batch {
  /** Takes a copy of `bytes[start, end)`. `dead`: it is a dead letter for this reason */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    dead?: { code: Frames['dead'][number]['code']; message: string },
  ): void
  addFrames(frames: Frames): void
  readonly count: number
  /** Hands over at most `most` entries, oldest first. */
  take(most: number): Frames
}

const firstBytes = 4096
const firstEntries = 64

export function createBatch(): Batch {
  let bytes = new Uint8Array(0)
  let used = 0
  let spans = new Uint32Array(0)
  let count = 0
  let dead: Frames['dead'] = []

  function room(byteCount: number, entries: number): void {
    if (used + byteCount > bytes.length) {
      const grown = new Uint8Array(Math.max(firstBytes, bytes.length * 2, used + byteCount))
      grown.set(bytes.subarray(0, used))
      bytes = grown
    }
    if ((count + entries) * 2 > spans.length) {
      const grown = new Uint32Array(Math.max(firstEntries * 2, spans.length * 2, (count + entries) * 2))
      grown.set(spans.subarray(0, count * 2))
      spans = grown
    }
  }

  function add(
    source: Uint8Array,
    start: number,
    end: number,
    why?: { code: Frames['dead'][number]['code']; message: string },
  ): void {
    room(end - start, 1)
    bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), used)
    spans[count * 2] = used
    used += end - start
    spans[count * 2 + 1] = used
    if (why !== undefined) dead.push({ at: count, ...why, size: end - start })
    count++
  }

  return {
    add,
    addFrames(frames) {
      room(frames.bytes.length, frames.count)
      bytes.set(frames.bytes, used)
      for (let i = 0; i < frames.spans.length; i++) spans[count * 2 + i] = frames.spans[i]! + used
      for (const letter of frames.dead) dead.push({ ...letter, at: letter.at + count })
      used += frames.bytes.length
      count += frames.count
    },
    get count() {
      return count
    },
    take(most) {
      const taken = Math.min(most, count)
      const cut = taken === count ? used : spans[taken * 2]!
      const frames: Frames = {
        bytes: bytes.slice(0, cut),
        spans: spans.slice(0, taken * 2),
        count: taken,
        dead: dead.filter(letter => letter.at < taken),
      }
      for (let i = taken * 2; i < count * 2; i++) spans[i - taken * 2] = spans[i]! - cut
      bytes.copyWithin(0, cut, used)
      dead = dead.filter(letter => letter.at >= taken).map(letter => ({ ...letter, at: letter.at - taken }))
      used -= cut
      count -= taken
      if (count === 0 && bytes.length > 16 * firstBytes) {
        bytes = new Uint8Array(0)
        spans = new Uint32Array(0)
      }
      return frames
    },
  }
}
