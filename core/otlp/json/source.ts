import { escapeLength, resolveEscapes } from './escapes.ts'
import { numberEnd } from './numbers.ts'

export const QUOTE = 0x22
const COMMA = 0x2c
export const MINUS = 0x2d
const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** nesting of a whole text; the attributes of a record have a lower limit of their own */
const maxNesting = 10_000

/** Where a text is no JSON. Not an Error: each line of a body may throw one. */
export class Fault {
  readonly reason: string
  readonly at: number

  constructor(reason: string, at: number) {
    this.reason = reason
    this.at = at
  }
}

/**
 * A cursor in JSON text (RFC 8259). Every value that it passes is checked, but for one thing: bytes of strings need not be
 * UTF-8, so that only those who use a string have to refuse it.
 */
export class Source {
  readonly bytes: Uint8Array
  pos: number
  private end: number
  /** the bytes of the last string or number are those of `text` from `from` to `to`, escapes resolved */
  text: Uint8Array
  from = 0
  to = 0
  /** whether that string has bytes other than ASCII */
  wide = false
  private scratch = new Uint8Array(256)
  /** of `skip`: 1 where an object is open, 0 for an array */
  private readonly nest = new Uint8Array(maxNesting)

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.text = bytes
    this.pos = 0
    this.end = bytes.length
  }

  /** Goes to `start`, and lets the text end at `end`. */
  narrow(start: number, end: number): void {
    this.pos = start
    this.end = end
  }

  /** Passes white space up to the end of the text. */
  finish(): void {
    this.next()
    if (this.pos < this.end) this.broken('the text goes on after its value', this.pos)
  }

  /** Passes white space; the byte that follows, 0 at the end. */
  next(): number {
    const { bytes, end } = this
    let at = this.pos
    while (at < end) {
      const byte = bytes[at]!
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
        this.pos = at
        return byte
      }
      at++
    }
    this.pos = at
    return 0
  }

  /** Passes `{`, and says whether a key follows. */
  enterObject(): boolean {
    return this.enter(CLOSE_OBJECT)
  }

  /** Passes `[`, and says whether a value follows. */
  enterArray(): boolean {
    return this.enter(CLOSE_ARRAY)
  }

  private enter(close: number): boolean {
    this.pos++
    if (this.next() !== close) return true
    this.pos++
    return false
  }

  /** Passes `,` or `}`, and says whether a key follows. */
  moreInObject(): boolean {
    return this.more(CLOSE_OBJECT)
  }

  moreInArray(): boolean {
    return this.more(CLOSE_ARRAY)
  }

  private more(close: number): boolean {
    const byte = this.next()
    if (byte !== COMMA && byte !== close) this.broken(`',' or '${String.fromCharCode(close)}' is missing`, this.pos)
    this.pos++
    return byte === COMMA
  }

  /** Passes a key and its colon; the key is what `text` has. */
  key(): void {
    if (this.next() !== QUOTE) this.broken('a key is missing', this.pos)
    this.string()
    if (this.next() !== COLON) this.broken("':' is missing", this.pos)
    this.pos++
  }

  /** Passes the string at the cursor. */
  string(): void {
    const { bytes, end } = this
    const from = this.pos + 1
    let at = from
    let wide = 0
    while (at < end) {
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.text = bytes
        this.from = from
        this.to = at
        this.wide = wide > 0x7f
        this.pos = at + 1
        return
      }
      if (byte === BACKSLASH) {
        this.escaped(from, at)
        return
      }
      if (byte < 0x20) this.broken('a control character stands in a string', at)
      wide |= byte
      at++
    }
    this.broken('the text ends inside a string', at)
  }

  /** Passes the string that begins at `from` and has its first escape at `first`. */
  private escaped(from: number, first: number): void {
    this.pos = first
    this.skipString()
    const to = this.pos - 1
    if (this.scratch.length < to - from) this.scratch = new Uint8Array(2 * (to - from))
    this.text = this.scratch
    this.from = 0
    this.to = resolveEscapes(this.bytes, from, to, this.scratch)
    this.wide = true
  }

  /** Passes what is left of a string, the closing quote too. */
  private skipString(): void {
    const { bytes, end } = this
    let at = this.pos
    while (at < end) {
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.pos = at + 1
        return
      }
      if (byte < 0x20) this.broken('a control character stands in a string', at)
      if (byte === BACKSLASH) {
        const length = escapeLength(bytes, at, end)
        if (length === 0) this.broken('a backslash is followed by no escape', at)
        at += length
      } else at++
    }
    this.broken('the text ends inside a string', at)
  }

  /** Passes the number at the cursor; its bytes are what `text` has. */
  number(): void {
    const { bytes, pos } = this
    const to = numberEnd(bytes, pos, this.end)
    if (to < 0) this.broken('a number is not written as JSON has it', pos)
    this.text = bytes
    this.from = pos
    this.to = this.pos = to
  }

  /** Passes the word at the cursor, of which the first byte is known. */
  word(word: 'null' | 'true' | 'false'): void {
    for (let k = 1; k < word.length; k++)
      if (this.pos + k >= this.end || this.bytes[this.pos + k] !== word.charCodeAt(k))
        this.broken('no value begins like that', this.pos)
    this.pos += word.length
  }

  /** Passes the value at the cursor. */
  skip(): void {
    const nest = this.nest
    let depth = 0
    for (;;) {
      const byte = this.next()
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        const object = byte === OPEN_OBJECT
        if (object ? this.enterObject() : this.enterArray()) {
          if (depth === maxNesting) this.broken(`values nest deeper than ${maxNesting}`, this.pos)
          nest[depth++] = object ? 1 : 0
          if (object) this.skipKey()
          continue
        }
      } else this.skipScalar(byte)
      for (;;) {
        if (depth === 0) return
        if (nest[depth - 1] === 1) {
          if (this.moreInObject()) {
            this.skipKey()
            break
          }
        } else if (this.moreInArray()) break
        depth--
      }
    }
  }

  private skipKey(): void {
    if (this.next() !== QUOTE) this.broken('a key is missing', this.pos)
    this.pos++
    this.skipString()
    if (this.next() !== COLON) this.broken("':' is missing", this.pos)
    this.pos++
  }

  private skipScalar(byte: number): void {
    if (byte === QUOTE) {
      this.pos++
      this.skipString()
    } else if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) this.number()
    else if (byte === 0x6e) this.word('null')
    else if (byte === 0x74) this.word('true')
    else if (byte === 0x66) this.word('false')
    else if (this.pos >= this.end) this.broken('the text ends where a value is missing', this.pos)
    else this.broken('no value begins like that', this.pos)
  }

  broken(reason: string, at: number): never {
    throw new Fault(reason, at)
  }
}
