import { none } from './bytes.ts'
import {
  begin as beginTable,
  breaksUtf8,
  describe,
  glued as gluedTable,
  isAccepting,
  next as nextTable,
} from './token.ts'
import { skipUtf8 } from './utf8.ts'

// Copies of imports, and of the numbers of token.ts: the engine folds local constants into the hot loop, while
// imported ones are loaded (measured: 15 % slower).
const next = nextTable
const begin = beginTable
const glued = gluedTable
const BAD = 0
const ENDED = 2
const TEXT = 3
/** the states of token.ts are below */
const VALUE = 35
const VALUE_OR_CLOSE = 36
const KEY = 37
const KEY_OR_CLOSE = 38
const COLON = 39
const COMMA_OR_CLOSE = 40

/** 1 for bytes that leave a string where it is: ASCII but for control characters, `"` and `\` */
const plain = new Uint8Array(256).map((_, byte) => (next[(TEXT << 8) | byte] === TEXT ? 1 : 0))

export type Verdict = 'open' | 'complete' | 'bad_event' | 'bad_utf8' | 'too_deep'

/**
 * Checks one JSON value after another (RFC 8259), stopping and going on at any byte. Every byte is looked at once,
 * however the input is cut.
 *
 *   VALUE ─{─▶ KEY_OR_CLOSE ─string─▶ COLON ─:─▶ VALUE ─…─▶ COMMA_OR_CLOSE ─,─▶ KEY ─string─▶ COLON …
 *   VALUE ─[─▶ VALUE_OR_CLOSE ─…─▶ COMMA_OR_CLOSE ─,─▶ VALUE …
 *   VALUE ─" - 0…9 t f n─▶ the states of token.ts
 *   at its end a value is complete, or inside an array or object followed by COMMA_OR_CLOSE
 */
export class Scanner {
  /** outcome of the last `scan`; `bad_…` and `too_deep`: the byte at the returned position is the bad one */
  verdict: Verdict = 'open'
  /** an LF stands inside the value */
  hasLineBreak = false
  private readonly maxDepth: number
  private bytes: Uint8Array = none
  /** of the whole buffer, in which `bytes` begins at `base` */
  private view: DataView | undefined
  private base = 0
  private state = VALUE
  private depth = 0
  /** a bit for each of the innermost 32 levels, the innermost lowest: 1 object, 0 array */
  private kinds = 0
  /** the same for the levels above, 32 each; undefined until they are needed */
  private outer: number[] | undefined
  /** the string at hand is a key */
  private inKey = false

  constructor(maxDepth: number) {
    this.maxDepth = maxDepth
  }

  /** Positions are of `bytes` from now on. */
  use(bytes: Uint8Array): void {
    this.bytes = bytes
    this.base = bytes.byteOffset
    // small messages lie side by side in one buffer: a view for each would cost more than scanning it
    if (this.view?.buffer !== bytes.buffer) this.view = new DataView(bytes.buffer)
  }

  /** The next byte is the first of another value. */
  reset(): void {
    this.verdict = 'open'
    this.hasLineBreak = false
    this.state = VALUE
    this.depth = 0
    this.kinds = 0
    this.inKey = false
    if (this.outer !== undefined) this.outer.length = 0
  }

  /** Goes on with the bytes from `from` to before `to`; returns the position after the value, of the bad byte, or `to`. */
  scan(from: number, to: number): number {
    const bytes = this.bytes
    const view = this.view!
    const base = this.base
    let at = from
    let state = this.state
    let depth = this.depth
    let kinds = this.kinds
    let inKey = this.inKey
    while (at < to) {
      const byte = bytes[at]!
      if (state === TEXT) {
        at = skipPlain(bytes, view, base, at, to)
        if (at === to) break
        const stop = bytes[at]!
        if (stop === 0x22 /* " */) {
          at++
          if (inKey) {
            inKey = false
            if (at < to && bytes[at] === 0x3a /* : */) {
              at++
              state = VALUE
            } else state = COLON
          } else if (depth > 0) state = COMMA_OR_CLOSE
          else return this.leave(at, 'complete', state, depth, kinds)
          continue
        }
        if (stop >= 0x80) {
          const skipped = skipUtf8(bytes, at, to)
          if (skipped > at) {
            at = skipped
            continue
          }
        }
        state = next[(TEXT << 8) | stop]!
        if (state === BAD) return this.leave(at, stop >= 0x80 ? 'bad_utf8' : 'bad_event', TEXT, depth, kinds)
        at++
        continue
      }
      if (state < VALUE) {
        const row = state << 8
        let then = next[row | byte]!
        while (then === state && ++at < to) then = next[row | bytes[at]!]!
        if (at === to) break
        if (then > ENDED) {
          state = then
          at++
          continue
        }
        if (then === BAD) {
          return this.leave(at, breaksUtf8(state, bytes[at]!) ? 'bad_utf8' : 'bad_event', state, depth, kinds)
        }
        if (depth === 0) {
          return this.leave(at, glued[bytes[at]!] === 1 ? 'bad_event' : 'complete', state, depth, kinds)
        }
        state = COMMA_OR_CLOSE
        continue
      }
      if (byte <= 0x20) {
        if (byte === 0x0a) this.hasLineBreak = true
        else if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) break
        at++
        continue
      }
      if (state <= VALUE_OR_CLOSE) {
        const token = begin[byte]!
        if (token !== BAD) {
          state = token
          at++
          continue
        }
        if (byte === 0x7b /* { */ || byte === 0x5b /* [ */) {
          if (depth === this.maxDepth) return this.leave(at, 'too_deep', state, depth, kinds)
          if ((depth & 31) === 0 && depth > 0) this.pushKinds(kinds)
          depth++
          at++
          if (byte === 0x7b) {
            kinds = (kinds << 1) | 1
            state = KEY_OR_CLOSE
          } else {
            kinds <<= 1
            state = VALUE_OR_CLOSE
          }
          continue
        }
        if (state === VALUE || byte !== 0x5d /* ] */) break
      } else if (state === COMMA_OR_CLOSE) {
        if (byte === 0x2c /* , */) {
          at++
          if ((kinds & 1) === 0) state = VALUE
          else if (at < to && bytes[at] === 0x22) {
            at++
            inKey = true
            state = TEXT
          } else state = KEY
          continue
        }
        if (byte !== ((kinds & 1) === 0 ? 0x5d : 0x7d)) break
      } else if (state === COLON) {
        if (byte !== 0x3a) break
        state = VALUE
        at++
        continue
      } else {
        if (byte === 0x22) {
          inKey = true
          state = TEXT
          at++
          continue
        }
        if (state === KEY || byte !== 0x7d /* } */) break
      }
      // the byte closes the innermost array or object
      at++
      depth--
      if (depth === 0) return this.leave(at, 'complete', state, depth, kinds)
      kinds = (depth & 31) === 0 ? this.outer!.pop()! : kinds >> 1
      state = COMMA_OR_CLOSE
    }
    this.inKey = inKey
    return this.leave(at, at < to ? 'bad_event' : 'open', state, depth, kinds)
  }

  /** The value is complete if the input ends here: a number or literal outside of arrays and objects. */
  isComplete(): boolean {
    return this.depth === 0 && isAccepting(this.state)
  }

  /** Where the bad byte stands, for messages. */
  describe(): string {
    if (this.state < VALUE) return describe(this.state)
    if (this.state === VALUE) return 'where a value must begin'
    if (this.state === VALUE_OR_CLOSE) return 'where a value or "]" must stand'
    if (this.state === KEY) return 'where a key must begin'
    if (this.state === KEY_OR_CLOSE) return 'where a key or "}" must stand'
    if (this.state === COLON) return 'where ":" must stand'
    return (this.kinds & 1) === 0 ? 'where "," or "]" must stand' : 'where "," or "}" must stand'
  }

  private leave(at: number, verdict: Verdict, state: number, depth: number, kinds: number): number {
    this.verdict = verdict
    this.state = state
    this.depth = depth
    this.kinds = kinds
    return at
  }

  private pushKinds(kinds: number): void {
    if (this.outer === undefined) this.outer = []
    this.outer.push(kinds)
  }
}

/**
 * Skips the plain bytes of a string, four at a time: subtracting makes the high bit of a byte rise where it is `"`, `\`
 * or below 0x20, and is set in UTF-8 anyway. A borrow can only make a byte above such a one look special.
 */
function skipPlain(bytes: Uint8Array, view: DataView, base: number, from: number, to: number): number {
  let at = from
  for (const last = to - 4; at <= last; at += 4) {
    const four = view.getInt32(base + at, true)
    const quote = (four ^ 0x22222222) - 0x01010101
    const backslash = (four ^ 0x5c5c5c5c) - 0x01010101
    if (((four | quote | backslash | (four - 0x20202020)) & 0x80808080) !== 0) break
  }
  while (at < to && plain[bytes[at]!] === 1) at++
  return at
}
