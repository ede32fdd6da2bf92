import type { Writer } from '../wire/writer.ts'
import { hexDigits } from './escapes.ts'

const PAD = 0x3d

/** The six bits of a base64 character, of the standard or the URL alphabet (RFC 4648 sections 4, 5); -1 for other bytes. */
const sextets = new Int8Array(256).fill(-1)
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
for (const [k, letter] of [...letters].entries()) sextets[letter.charCodeAt(0)] = k
/** What zeros are written with in base64, which is a hex digit too. */
const zeros = new Int8Array(256).fill(-1)
zeros[0x41] = 0
for (const letter of '+-') sextets[letter.charCodeAt(0)] = 62
for (const letter of '/_') sextets[letter.charCodeAt(0)] = 63

/** Where the base64 characters of [start, end) end, before the padding; -1 if that is no base64. */
function base64End(text: Uint8Array, start: number, end: number): number {
  let to = end
  while (to > start && end - to < 2 && text[to - 1] === PAD) to--
  if (to < end && (end - start) % 4 !== 0) return -1
  if ((to - start) % 4 === 1) return -1
  for (let at = start; at < to; at++) if (sextets[text[at]!]! < 0) return -1
  return to
}

/** Writes the bytes of the base64 text [start, end), padded or not, as a field; false if it is none. */
export function writeBase64(writer: Writer, field: number, text: Uint8Array, start: number, end: number): boolean {
  const to = base64End(text, start, end)
  if (to < 0) return false
  const length = Math.floor(((to - start) * 3) / 4)
  writer.reserve(length)
  writer.raw((field << 3) | 2)
  writer.raw(length)
  const { bytes } = writer
  let bits = 0
  let held = 0
  for (let at = start; at < to; at++) {
    held = ((held << 6) | sextets[text[at]!]!) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[writer.at++] = held >> bits
  }
  return true
}

/**
 * Writes the id [start, end) of `width` bytes as a field: hex as OTLP/JSON has it, or base64 as proto3 JSON would, where
 * only that has the width. Hex digits of another width are not taken for base64, but for zeros. False if it is neither.
 */
export function writeId(
  writer: Writer,
  field: number,
  text: Uint8Array,
  start: number,
  end: number,
  width: number,
): boolean {
  const isHex = allOf(hexDigits, text, start, end)
  if (!isHex || end - start !== 2 * width) {
    if (isHex && !allOf(zeros, text, start, end)) return false
    const to = base64End(text, start, end)
    return to >= 0 && Math.floor(((to - start) * 3) / 4) === width && writeBase64(writer, field, text, start, end)
  }
  writer.reserve(width)
  writer.raw((field << 3) | 2)
  writer.raw(width)
  const { bytes } = writer
  let at = writer.at
  for (let k = start; k < end; k += 2) bytes[at++] = (hexDigits[text[k]!]! << 4) | hexDigits[text[k + 1]!]!
  writer.at = at
  return true
}

/** Whether all bytes are among those that the table does not give -1 for. */
function allOf(table: Int8Array, text: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (table[text[at]!]! < 0) return false
  return true
}
