import { none } from './bytes.ts'
import type { DeadEntry, Frames } from './framing.ts'

/** the most that is allocated ahead of bytes that were announced but have not come */
const ahead = 1024 * 1024

/** memory of one entry beside its bytes */
const spanBytes = 8
/** memory of one dead letter beside its text, as a rule; a line of one byte can be one */
const deadBytes = 256

/** One growing buffer, and where in it the entries are that wait for `take`. */
export class Entries {
  bytes: Uint8Array<ArrayBuffer>
  /** bytes of `bytes` in use */
  length = 0
  count = 0
  dead: DeadEntry[] = []
  private spans = new Uint32Array(16)

  constructor(bytes: Uint8Array<ArrayBuffer>, length: number) {
    this.bytes = bytes
    this.length = length
  }

  /** End of the last entry. */
  get end(): number {
    return this.count === 0 ? 0 : this.spans[2 * this.count - 1]!
  }

  /** Bytes of memory that `take` would free: the entries with what lies between them, their spans, their dead letters. */
  get held(): number {
    return this.end + this.count * spanBytes + this.dead.length * deadBytes
  }

  add(start: number, end: number): void {
    const at = 2 * this.count++
    if (at === this.spans.length) {
      const grown = new Uint32Array(2 * at)
      grown.set(this.spans)
      this.spans = grown
    }
    this.spans[at] = start
    this.spans[at + 1] = end
  }

  /**
   * Copies `chunk` behind the bytes in use. `coming` bytes are announced, `chunk` included (0: unknown), and more than
   * `limit` bytes in use will not be needed; both only guide how much is allocated.
   */
  append(chunk: Uint8Array, coming: number, limit: number): void {
    const needed = this.length + chunk.length
    if (needed > this.bytes.length) {
      const doubled = Math.min(2 * this.bytes.length, limit)
      const grown = new Uint8Array(Math.max(needed, doubled, this.length + Math.min(coming, ahead)))
      if (this.length > 0) grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(chunk, this.length)
    this.length = needed
  }

  /** Hands the entries out with their buffer; the bytes from `tail` on stay, at 0 of a new one. */
  take(tail: number): Frames {
    const { bytes, count, dead, end } = this
    this.bytes = tail < this.length ? bytes.slice(tail, this.length) : none
    this.length -= tail
    this.count = 0
    this.dead = []
    return {
      bytes: end < bytes.length ? bytes.subarray(0, end) : bytes,
      spans: this.spans.slice(0, 2 * count),
      count,
      dead,
    }
  }
}
