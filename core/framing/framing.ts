import type { ErrorCode } from '../errors.ts'

/**
 * The contract of framing: bytes in, complete JSON values out.
 *
 * Rules (DESIGN 4, PROTOCOL "Framing"):
 * - A value is an event once it is complete; the first byte that cannot begin a value is the bad event.
 * - Values (RFC 8259, strictly) stand next to each other with white space between them or without, as in `{}{}` and
 *   `"a"1`. A number or literal is complete at the first byte that does not continue it; where that is a letter, a digit,
 *   `+`, `-` or `.` (`01`, `1.x`, `truefalse`), the byte is bad and the number or literal is part of the bad value.
 * - An entry is the value's own bytes. White space around it is left out; a value written over several lines loses
 *   only its line breaks (LF, or CR LF, outside strings; inside strings they are bad).
 * - UTF-8 is checked where it may stand: inside strings. A byte order mark is skipped at the very start only.
 * - A bad entry is the text from the start of the bad value up to (not including) the first LF, or CR LF, at or after
 *   the bad byte. Where the input ended inside the value, it is all the text from its start on.
 * - Where the chunks are cut changes nothing: not the entries, nor what is bad, nor where and why.
 */

/** A run of entries in one buffer: entry k is `bytes[spans[2k], spans[2k+1])`. */
export interface Frames {
  /** begins at byte 0 of its ArrayBuffer */
  bytes: Uint8Array<ArrayBuffer>
  /** start and end of each entry, in order; length 2 × count */
  spans: Uint32Array<ArrayBuffer>
  count: number
  /** the entries that are dead letters, in order; empty unless `onBad` is `dead_letter` */
  dead: DeadEntry[]
}

export interface DeadEntry {
  /** index of the entry in these frames */
  at: number
  code: ErrorCode
  message: string
  /** bytes of the bad text as it was sent; more than the entry holds where it passed `maxEventBytes` and was cut */
  size: number
}

/** Where and why framing stopped, or what one dead letter is. */
export interface BadValue {
  /** index of the value in this body, from 0, dead letters included */
  index: number
  /** line of the bad byte, from 1; of the end of the input where a value is incomplete */
  line: number
  code: ErrorCode
  /** names the bad byte, its line, and its place in the body counted from 1 */
  message: string
}

export interface FramerOptions {
  /** bytes of one value as it is sent, line breaks inside it included; default 16 MiB */
  maxEventBytes?: number
  /** nesting of one value; default 900 */
  maxDepth?: number
  /**
   * `stop`: the first bad value ends framing. `dead_letter`: it becomes an entry, of which at most the first
   * `maxEventBytes` are kept, and framing goes on behind it; but inside a batch, whose elements need not stand on lines of
   * their own, framing stops all the same. Default `stop`
   */
  onBad?: 'stop' | 'dead_letter'
  /** where the input begins with `[`, that array is a batch: its elements are the values. Default false */
  arrayIsBatch?: boolean
  /** bytes that will be pushed, where known: saves growing */
  sizeHint?: number
}

export interface Framer {
  /** Takes a copy of `chunk`. Does nothing after `failure`. */
  push(chunk: Uint8Array): void
  /** The input is complete: a number at its end becomes an entry, a partial value is bad. */
  end(): void
  /** The entries completed since the last call, or undefined where there are none. The caller owns the buffers. */
  take(): Frames | undefined
  /**
   * bytes of memory that wait for `take`: those of the entries and between them, 8 for each entry, 256 for each dead letter
   */
  readonly framed: number
  /** why framing stopped; entries before it can still be taken */
  readonly failure: BadValue | undefined
  /** every bad value so far (at most the first 100), in order; with `stop` only the failure */
  readonly bad: readonly BadValue[]
}
