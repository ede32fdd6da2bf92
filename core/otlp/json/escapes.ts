const BACKSLASH = 0x5c

/** Bytes of the escape at `at`, 0 if it is none. */
export function escapeLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return 0
  const letter = bytes[at + 1]!
  if (letter !== 0x75) return escapes[letter]! === 0 ? 0 : 2
  if (at + 6 > end) return 0
  for (let k = at + 2; k < at + 6; k++) if (hexDigits[bytes[k]!]! < 0) return 0
  return 6
}

/** What stands for the letter behind a backslash, 0 for those that have no meaning. */
const escapes = new Uint8Array(256)
for (const [letter, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'])
  escapes[letter!.charCodeAt(0)] = meaning!.charCodeAt(0)

/** The value of a hex digit, -1 for other bytes. */
export const hexDigits = new Int8Array(256).fill(-1)
for (let k = 0; k < 16; k++) {
  const digit = k.toString(16)
  hexDigits[digit.charCodeAt(0)] = hexDigits[digit.toUpperCase().charCodeAt(0)] = k
}

/**
 * Writes the string [from, to), whose escapes are known to be right, as UTF-8; gives its length. A lone surrogate becomes
 * the three bytes that UTF-8 forbids, so that whoever checks for UTF-8 finds it.
 */
export function resolveEscapes(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let length = 0
  for (let at = from; at < to; ) {
    const byte = bytes[at]!
    if (byte !== BACKSLASH) {
      out[length++] = byte
      at++
      continue
    }
    if (bytes[at + 1] !== 0x75) {
      out[length++] = escapes[bytes[at + 1]!]!
      at += 2
      continue
    }
    let point = hex4(bytes, at + 2)
    at += 6
    if (point >= 0xd800 && point < 0xdc00 && at < to && bytes[at] === BACKSLASH && bytes[at + 1] === 0x75) {
      const low = hex4(bytes, at + 2)
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
        at += 6
      }
    }
    length = writePoint(out, length, point)
  }
  return length
}

function hex4(bytes: Uint8Array, at: number): number {
  let value = 0
  for (let k = at; k < at + 4; k++) value = value * 16 + hexDigits[bytes[k]!]!
  return value
}

function writePoint(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) out[at++] = point
  else if (point < 0x800) {
    out[at++] = 0xc0 | (point >> 6)
    out[at++] = 0x80 | (point & 0x3f)
  } else if (point < 0x10000) {
    out[at++] = 0xe0 | (point >> 12)
    out[at++] = 0x80 | ((point >> 6) & 0x3f)
    out[at++] = 0x80 | (point & 0x3f)
  } else {
    out[at++] = 0xf0 | (point >> 18)
    out[at++] = 0x80 | ((point >> 12) & 0x3f)
    out[at++] = 0x80 | ((point >> 6) & 0x3f)
    out[at++] = 0x80 | (point & 0x3f)
  }
  return at
}
