import { ESCAPED, FALSE, type Kind, NESTED, NULL, NUMBER, TEXT, TRUE } from './values.ts'

/**
 * Finds the members of a JSON object (RFC 8259) that have a column, in one pass over its bytes, and checks the grammar
 * of the rest. Built for lines: a newline ends every token, so that the buffer needs nothing but one at its end.
 * Bytes are expected to be UTF-8.
 */
export interface ObjectScanner {
  /** per column: kind and place of the value. A member that is missing is NULL; of members of one name the last counts */
  readonly kinds: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** The object that begins at `from`: gives the place after it, or -1, and then `failure` says why. */
  scan(bytes: Buffer, from: number): number
  readonly failure: () => { at: number; what: string }
}

/** What the loop over a string stops at: quote, backslash, control characters. */
const stops = Uint8Array.from({ length: 256 }, (_, byte) => (byte === 0x22 || byte === 0x5c || byte < 0x20 ? 1 : 0))
/** Deeper values are refused: the stack is finite. */
const maxDepth = 900

export function createObjectScanner(names: readonly string[], unknown: (name: string) => void): ObjectScanner {
  // as programs write them; a name with other escapes is found by its text
  const keys = names.map(name => Buffer.from(JSON.stringify(name).slice(1, -1)))
  const ignored: Buffer[] = []
  const kinds = new Uint8Array(names.length)
  const starts = new Int32Array(names.length)
  const ends = new Int32Array(names.length)
  let kind: Kind = NULL
  let failedAt = 0
  let what = ''

  function fail(at: number, why: string): -1 {
    failedAt = at
    what = why
    return -1
  }

  function skipSpace(bytes: Buffer, at: number): number {
    for (;;) {
      const byte = bytes[at]!
      if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return at
      at++
    }
  }

  /** After the closing quote; `kind` is TEXT or ESCAPED. `at` is that of the opening quote. */
  function string(bytes: Buffer, at: number): number {
    kind = TEXT
    at++
    for (;;) {
      while (stops[bytes[at]!] === 0) at++
      const byte = bytes[at]!
      if (byte === 0x22) return at + 1
      if (byte !== 0x5c) return fail(at, byte === 0x0a ? 'the line ends inside a string' : 'a control character')
      kind = ESCAPED
      const letter = bytes[at + 1]!
      if (letter === 0x75) {
        for (let digit = at + 2; digit < at + 6; digit++)
          if (!isHex(bytes[digit]!)) return fail(digit, 'an escape \\u without four hexadecimal digits')
        at += 6
      } else if (isEscape(letter)) at += 2
      else return fail(at + 1, 'an unknown escape')
    }
  }

  function number(bytes: Buffer, at: number): number {
    kind = NUMBER
    if (bytes[at] === 0x2d) at++
    if (bytes[at] === 0x30) at++
    else {
      const first = at
      while (isDigit(bytes[at]!)) at++
      if (at === first) return fail(at, 'no value')
    }
    if (bytes[at] === 0x2e) {
      const first = ++at
      while (isDigit(bytes[at]!)) at++
      if (at === first) return fail(at, 'a number without digits after the point')
    }
    if ((bytes[at]! | 0x20) === 0x65) {
      at++
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++
      const first = at
      while (isDigit(bytes[at]!)) at++
      if (at === first) return fail(at, 'a number without digits in the exponent')
    }
    return at
  }

  function word(bytes: Buffer, at: number, text: string, as: Kind): number {
    for (let letter = 0; letter < text.length; letter++)
      if (bytes[at + letter] !== text.charCodeAt(letter)) return fail(at, 'no value')
    kind = as
    return at + text.length
  }

  function value(bytes: Buffer, at: number, depth: number): number {
    switch (bytes[at]) {
      case 0x22:
        return string(bytes, at)
      case 0x7b:
        return members(bytes, at, depth)
      case 0x5b:
        return items(bytes, at, depth)
      case 0x74:
        return word(bytes, at, 'true', TRUE)
      case 0x66:
        return word(bytes, at, 'false', FALSE)
      case 0x6e:
        return word(bytes, at, 'null', NULL)
      default:
        return number(bytes, at)
    }
  }

  function items(bytes: Buffer, at: number, depth: number): number {
    if (depth >= maxDepth) return fail(at, `values inside each other deeper than ${maxDepth}`)
    at = skipSpace(bytes, at + 1)
    if (bytes[at] !== 0x5d)
      for (;;) {
        at = value(bytes, at, depth + 1)
        if (at < 0) return at
        if (bytes[at]! <= 0x20) at = skipSpace(bytes, at)
        if (bytes[at] === 0x5d) break
        if (bytes[at] !== 0x2c) return fail(at, 'neither a comma nor the end of the array')
        at = skipSpace(bytes, at + 1)
      }
    kind = NESTED
    return at + 1
  }

  /** An object; the members of the outermost are those that may have a column. */
  function members(bytes: Buffer, at: number, depth: number): number {
    if (depth >= maxDepth) return fail(at, `values inside each other deeper than ${maxDepth}`)
    at = skipSpace(bytes, at + 1)
    if (bytes[at] !== 0x7d)
      for (;;) {
        if (bytes[at] !== 0x22) return fail(at, 'no name of a member')
        const keyFrom = at + 1
        at = string(bytes, at)
        if (at < 0) return at
        const column = depth > 0 ? -1 : columnOf(bytes, keyFrom, at - 1, kind === ESCAPED)
        if (bytes[at]! <= 0x20) at = skipSpace(bytes, at)
        if (bytes[at] !== 0x3a) return fail(at, 'no colon after the name of a member')
        at = skipSpace(bytes, at + 1)
        const from = at
        at = value(bytes, at, depth + 1)
        if (at < 0) return at
        if (column >= 0) {
          kinds[column] = kind
          starts[column] = kind === TEXT ? from + 1 : from
          ends[column] = kind === TEXT ? at - 1 : at
        }
        if (bytes[at]! <= 0x20) at = skipSpace(bytes, at)
        if (bytes[at] === 0x7d) break
        if (bytes[at] !== 0x2c) return fail(at, 'neither a comma nor the end of the object')
        at = skipSpace(bytes, at + 1)
      }
    kind = NESTED
    return at + 1
  }

  /** where the next member most likely belongs */
  let next = 0

  function columnOf(bytes: Buffer, from: number, to: number, escaped: boolean): number {
    for (let tried = 0; tried < keys.length; tried++) {
      if (next >= keys.length) next = 0
      if (matches(bytes, keys[next]!, from, to)) return next++
      next++
    }
    if (escaped) {
      const at = names.indexOf(JSON.parse(bytes.toString('utf8', from - 1, to + 1)) as string)
      if (at >= 0) return at
    }
    if (ignored.length < maxIgnored && !ignored.some(key => matches(bytes, key, from, to))) {
      ignored.push(Buffer.from(bytes.subarray(from, to)))
      unknown(bytes.toString('utf8', from, to))
    }
    return -1
  }

  function matches(bytes: Buffer, key: Buffer, from: number, to: number): boolean {
    if (key.length !== to - from) return false
    for (let at = 0; at < key.length; at++) if (key[at] !== bytes[from + at]) return false
    return true
  }

  return {
    kinds,
    starts,
    ends,
    failure: () => ({ at: failedAt, what }),
    scan(bytes, from) {
      kinds.fill(NULL)
      next = 0
      if (bytes[from] !== 0x7b) {
        // a value that is no object, or none at all
        const end = value(bytes, from, 0)
        return end < 0 ? end : fail(from, 'not an object')
      }
      return members(bytes, from, 0)
    },
  }
}

/** Names of members without a column that are told apart; a file may make up a new one in every line. */
const maxIgnored = 100

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isHex = (byte: number): boolean => isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
/** `"\/bfnrt` */
const isEscape = (byte: number): boolean =>
  byte === 0x22 ||
  byte === 0x5c ||
  byte === 0x2f ||
  byte === 0x62 ||
  byte === 0x66 ||
  byte === 0x6e ||
  byte === 0x72 ||
  byte === 0x74
