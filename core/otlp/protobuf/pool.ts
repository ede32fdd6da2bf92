import type { Budget } from './budget.ts'
import { utf8Length } from './utf8.ts'
import { Refusal } from './wire.ts'

/** texts up to this length are looked for among those that came before */
const internBytes = 64
const slots = 512

/** No text: a NULL. */
export const noText = -1

/** The texts of a request, one behind the other, and where each begins and ends. */
export class TextPool {
  bytes: Uint8Array<ArrayBuffer>
  /** bytes in use; a text is written here, and becomes one with `seal` */
  length = 0
  spans: Uint32Array<ArrayBuffer>
  count = 0
  private readonly budget: Budget
  /** a text by the hash of its bytes; may be out of date, so that each hit is compared */
  private readonly recent = new Int32Array(slots).fill(noText)

  constructor(bytes: number, budget: Budget) {
    budget.take(bytes)
    this.bytes = new Uint8Array(bytes)
    this.spans = new Uint32Array(64)
    this.budget = budget
  }

  /** Makes room for `more` bytes; `bytes` may be another array afterwards. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const grown = Math.max(2 * this.bytes.length, this.length + more)
    this.budget.take(grown - this.bytes.length)
    const bytes = new Uint8Array(grown)
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
  }

  /** What was written from `start` on as a text; the text `before` instead, where it is the same. */
  seal(start: number, before = noText): number {
    if (before !== noText && this.same(before, this.bytes, start, this.length)) {
      this.length = start
      return before
    }
    const at = 2 * this.count
    if (at === this.spans.length) {
      this.budget.take(8 * this.spans.length)
      const spans = new Uint32Array(2 * this.spans.length)
      spans.set(this.spans)
      this.spans = spans
    }
    this.spans[at] = start
    this.spans[at + 1] = this.length
    return this.count++
  }

  /** Forgets all behind the first `count` texts and the first `length` bytes. */
  cut(length: number, count: number): void {
    this.length = length
    this.count = count
  }

  /** Whether text `index`, if there is one, has these bytes. */
  same(index: number, source: Uint8Array, start: number, end: number): boolean {
    if (index === noText || index >= this.count) return false
    const { bytes } = this
    const from = this.spans[2 * index]!
    if (this.spans[2 * index + 1]! - from !== end - start) return false
    for (let at = from, k = start; k < end; at++, k++) if (bytes[at] !== source[k]) return false
    return true
  }

  /** The bytes as a text, or the text `before` if it is the same. `field` is named where they are not UTF-8. */
  add(source: Uint8Array, start: number, end: number, field: string, before = noText): number {
    if (this.same(before, source, start, end)) return before
    const from = this.length
    this.copy(source, start, end, field)
    return this.seal(from)
  }

  /** As `add`, for texts of few values: names, units, levels. */
  intern(source: Uint8Array, start: number, end: number, field: string): number {
    if (end - start > internBytes) return this.add(source, start, end, field)
    let hash = end - start
    for (let k = start; k < end; k++) hash = (Math.imul(hash, 31) + source[k]!) | 0
    const slot = (hash ^ (hash >>> 9)) & (slots - 1)
    const index = this.recent[slot]!
    if (this.same(index, source, start, end)) return index
    const from = this.length
    this.copy(source, start, end, field)
    return (this.recent[slot] = this.seal(from))
  }

  /** Writes bytes that must be UTF-8. */
  copy(source: Uint8Array, start: number, end: number, field: string): void {
    this.reserve(end - start)
    const { bytes } = this
    let to = this.length
    let at = start
    while (at < end) {
      const byte = source[at]!
      if (byte < 0x80) {
        bytes[to++] = byte
        at++
        continue
      }
      const length = utf8Length(source, at, end)
      if (length === 0) throw new Refusal(`${field} is not valid UTF-8`)
      for (let k = 0; k < length; k++) bytes[to++] = source[at++]!
    }
    this.length = to
  }
}
