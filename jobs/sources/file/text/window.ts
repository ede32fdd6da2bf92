import { type ByteReader, type Check, checkedBytes, checkOf } from './bytes.ts'

/** Bytes of a read: small files need small buffers. */
const firstChunk = 64 * 1024
const chunk = 4 * 1024 * 1024
export const LF = 0x0a

/**
 * The part of a file that is in memory: `buffer[start, filled)` is still to be read, and what stands before it serves
 * for checks. Moves on in chunks, and grows for a long row.
 */
export interface Window {
  readonly buffer: Buffer
  start: number
  readonly filled: number
  /** the file has no more for now */
  readonly ended: boolean
  /** position in the file of `start` */
  readonly at: number
  more(): Promise<void>
  /** the end of the last whole line; `start` where there is none */
  wholeLines(): number
  /** Gives a last line the newline that it lacks: the place after it. */
  endLine(): number
  check(): Check
}

export function createWindow(bytes: ByteReader, at: number): Window {
  // one byte is never read into: it is for `endLine`
  let buffer = Buffer.allocUnsafe(firstChunk)
  let filled = bytes.before.copy(buffer)
  let base = at - filled

  function makeRoom(): void {
    const from = Math.max(0, window.start - checkedBytes)
    const isSmall = buffer.length < chunk || filled - from > buffer.length / 2
    const target = isSmall ? Buffer.allocUnsafe(buffer.length * 2) : buffer
    buffer.copy(target, 0, from, filled)
    buffer = target
    base += from
    window.start -= from
    filled -= from
  }

  const window = {
    start: filled,
    ended: false,
    get buffer() {
      return buffer
    },
    get filled() {
      return filled
    },
    get at() {
      return base + Math.min(window.start, filled)
    },
    async more() {
      if (buffer.length - filled < Math.min(chunk, buffer.length) / 4) makeRoom()
      const read = await bytes.read(buffer.subarray(0, Math.min(filled + chunk, buffer.length - 1)), filled)
      filled += read
      if (read === 0) window.ended = true
    },
    wholeLines() {
      const newline = filled === window.start ? -1 : buffer.lastIndexOf(LF, filled - 1)
      return newline < window.start ? window.start : newline + 1
    },
    endLine() {
      buffer[filled] = LF
      return filled + 1
    },
    check: () => checkOf(buffer.subarray(0, Math.min(window.start, filled))),
  }
  return window
}
