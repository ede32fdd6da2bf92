import type { TextPool } from './pool.ts'
import { utf8Length } from './utf8.ts'
import { Refusal } from './wire.ts'

/** Numbers, JSON strings and ids, written at the end of the pool. */

export const COMMA = 0x2c
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
const QUOTE = 0x22
const MINUS = 0x2d
const ZERO = 0x30

const encoder = new TextEncoder()
/** An ASCII text as bytes, for `writeBytes`. */
export const ascii = (text: string): Uint8Array => encoder.encode(text)

const alphabet = ascii('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const hexDigits = ascii('0123456789abcdef')

/** the letter after the backslash, `u` for escapes of six bytes; 0: stands for itself; 1: begins a longer sequence */
const escapes = new Uint8Array(256)
escapes.fill(0x75, 0, 0x20)
escapes.fill(1, 0x80)
for (const [byte, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\'].map(ascii)) escapes[byte!] = letter!

export function writeByte(pool: TextPool, byte: number): void {
  pool.reserve(1)
  pool.bytes[pool.length++] = byte
}

export function writeBytes(pool: TextPool, source: Uint8Array): void {
  pool.reserve(source.length)
  const { bytes } = pool
  let to = pool.length
  for (let k = 0; k < source.length; k++) bytes[to++] = source[k]!
  pool.length = to
}

export function writeAscii(pool: TextPool, text: string): void {
  pool.reserve(text.length)
  const { bytes } = pool
  let to = pool.length
  for (let k = 0; k < text.length; k++) bytes[to++] = text.charCodeAt(k)
  pool.length = to
}

/** Ends a list whose elements were each written with a comma behind. */
export function writeClose(pool: TextPool, close: number): void {
  if (pool.bytes[pool.length - 1] === COMMA) pool.length--
  writeByte(pool, close)
}

/** UTF-8 as a JSON string: only what must be escaped is, as `JSON.stringify` does. */
export function writeString(pool: TextPool, source: Uint8Array, start: number, end: number, field: string): void {
  pool.reserve(end - start + 2)
  let { bytes } = pool
  let to = pool.length
  bytes[to++] = QUOTE
  let at = start
  while (at < end) {
    const byte = source[at]!
    const letter = escapes[byte]!
    if (letter === 0) {
      bytes[to++] = byte
      at++
    } else if (letter === 1) {
      const length = utf8Length(source, at, end)
      if (length === 0) throw new Refusal(`${field}: a string is not valid UTF-8`)
      for (let k = 0; k < length; k++) bytes[to++] = source[at++]!
    } else {
      pool.length = to
      pool.reserve(end - at + 6)
      bytes = pool.bytes
      bytes[to++] = 0x5c
      bytes[to++] = letter
      if (letter === 0x75) {
        bytes[to++] = ZERO
        bytes[to++] = ZERO
        bytes[to++] = hexDigits[byte >> 4]!
        bytes[to++] = hexDigits[byte & 15]!
      }
      at++
    }
  }
  bytes[to++] = QUOTE
  pool.length = to
}

/** A whole number from 0 to 2^53, at least `width` digits of it. */
function writeDigits(pool: TextPool, value: number, width = 1): void {
  let digits = 1
  for (let power = 10; value >= power; power *= 10) digits++
  if (digits < width) digits = width
  pool.reserve(digits)
  const { bytes } = pool
  let rest = value
  for (let at = pool.length + digits - 1; at >= pool.length; at--) {
    const tenth = Math.floor(rest / 10)
    bytes[at] = ZERO + (rest - 10 * tenth)
    rest = tenth
  }
  pool.length += digits
}

/** An unsigned 64-bit integer from its two words, exactly. */
export function writeUnsigned(pool: TextPool, low: number, high: number): void {
  if (high < 0x20_0000) {
    writeDigits(pool, high * 0x1_0000_0000 + low)
    return
  }
  // long division by 10^9 in steps of 16 bits, so that each step is exact in a double
  const billion = 1_000_000_000
  const middle = (high % billion) * 0x1_0000 + (low >>> 16)
  const last = (middle % billion) * 0x1_0000 + (low & 0xffff)
  const quotient =
    Math.floor(high / billion) * 0x1_0000_0000 + Math.floor(middle / billion) * 0x1_0000 + Math.floor(last / billion)
  writeDigits(pool, quotient)
  writeDigits(pool, last % billion, 9)
}

/** A signed 64-bit integer from its two words, exactly. */
export function writeSigned(pool: TextPool, low: number, high: number): void {
  if (high < 0x8000_0000) {
    writeUnsigned(pool, low, high)
    return
  }
  writeByte(pool, MINUS)
  writeUnsigned(pool, -low >>> 0, (~high + (low === 0 ? 1 : 0)) >>> 0)
}

/** As JavaScript prints it, but whole numbers keep a `.0`. */
export function writeDouble(pool: TextPool, value: number): void {
  if (Object.is(value, -0)) writeByte(pool, MINUS)
  writeAscii(pool, String(value))
  if (Number.isInteger(value) && Math.abs(value) < 1e21) writeAscii(pool, '.0')
}

/** As JSON: what JSON has no number for is a string, as in proto3 JSON. */
export function writeJsonDouble(pool: TextPool, value: number): void {
  if (Number.isFinite(value)) writeDouble(pool, value)
  else writeAscii(pool, `"${value}"`)
}

export function writeHex(pool: TextPool, source: Uint8Array, start: number, end: number): void {
  pool.reserve(2 * (end - start))
  const { bytes } = pool
  let to = pool.length
  for (let at = start; at < end; at++) {
    const byte = source[at]!
    bytes[to++] = hexDigits[byte >> 4]!
    bytes[to++] = hexDigits[byte & 15]!
  }
  pool.length = to
}

/** RFC 4648 section 4, with padding. */
export function writeBase64(pool: TextPool, source: Uint8Array, start: number, end: number): void {
  pool.reserve(4 * Math.ceil((end - start) / 3))
  const { bytes } = pool
  let to = pool.length
  for (let at = start; at < end; at += 3) {
    const left = end - at
    const bits = (source[at]! << 16) | (left > 1 ? source[at + 1]! << 8 : 0) | (left > 2 ? source[at + 2]! : 0)
    bytes[to++] = alphabet[bits >> 18]!
    bytes[to++] = alphabet[(bits >> 12) & 63]!
    bytes[to++] = left > 1 ? alphabet[(bits >> 6) & 63]! : 0x3d
    bytes[to++] = left > 2 ? alphabet[bits & 63]! : 0x3d
  }
  pool.length = to
}
