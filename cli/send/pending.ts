import { beginsWithMark, byteOrderMark } from '../../core/framing/bytes.ts'
import type { Frames } from '../../core/framing/framing.ts'
import { alignEnds } from './align.ts'
import { type Batch, countLines } from './batch.ts'

/** What was read of one file and not yet handed out: its text, and where its complete values end. */
export class Pending {
  /** bytes of complete values that can be taken */
  bytes = 0
  #text = new Uint8Array(64 * 1024)
  #start = 0
  #end = 0
  /** relative to `#start` */
  #ends: number[] = []
  /** indexes in `#ends` */
  #dead: number[] = []
  #position: number
  #line = 1
  #isBeginning = true
  readonly #file: string

  constructor(file: string, position: number) {
    this.#file = file
    this.#position = position
  }

  /** complete values that can be taken */
  get values(): number {
    return this.#ends.length
  }

  /** position in the input of the next value */
  get position(): number {
    return this.#position
  }

  append(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#text.length) this.#makeRoom(chunk.length)
    this.#text.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** The next values of the text, as the framer found them. */
  complete(frames: Frames): void {
    for (const { at } of frames.dead) this.#dead.push(this.#ends.length + at)
    const text = this.#text.subarray(this.#start, this.#end)
    const from = this.#isBeginning && beginsWithMark(text) ? byteOrderMark.length : this.bytes
    this.#isBeginning = false
    this.bytes = alignEnds(text, from, frames, end => this.#ends.push(end))
  }

  /** Drops up to `count` values, and tells how many and how many bytes. */
  drop(count: number): { values: number; bytes: number } {
    const before = this.bytes
    const values = Math.min(Math.max(0, count), this.values)
    this.#advance(values)
    return { values, bytes: before - this.bytes }
  }

  /** As many values as fit into `maxBytes`, and at least one; undefined where there is none. */
  take(maxBytes: number): Batch | undefined {
    const count = Math.max(1, upperBound(this.#ends, maxBytes))
    if (this.values === 0) return undefined
    const batch: Batch = {
      offset: this.#position,
      body: this.#text.slice(this.#start, this.#start + this.#ends[count - 1]!),
      ends: Uint32Array.from(this.#ends.slice(0, count)),
      dead: this.#dead.filter(index => index < count),
      file: this.#file,
      line: this.#line,
    }
    this.#advance(count)
    return batch
  }

  #advance(count: number): void {
    if (count === 0) return
    const length = this.#ends[count - 1]!
    this.#line += countLines(this.#text, this.#start, this.#start + length)
    this.#start += length
    this.#position += count
    this.bytes -= length
    this.#ends = this.#ends.slice(count).map(end => end - length)
    this.#dead = this.#dead.filter(index => index >= count).map(index => index - count)
  }

  #makeRoom(more: number): void {
    const live = this.#text.subarray(this.#start, this.#end)
    const needed = live.length + more
    const room = needed * 2 > this.#text.length ? new Uint8Array(needed * 2) : this.#text
    room.set(live)
    this.#text = room
    this.#start = 0
    this.#end = live.length
  }
}

/** How many of the ascending `ends` are at most `limit`. */
function upperBound(ends: readonly number[], limit: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ends[middle]! <= limit) low = middle + 1
    else high = middle
  }
  return low
}
