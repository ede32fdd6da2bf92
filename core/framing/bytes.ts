/** Bytes of the grammar (RFC 8259 section 2). */
export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

export function isWhiteSpace(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB
}

/** The bytes EF BB BF, which may stand once at the very start (RFC 8259 section 8.1 lets a parser ignore them). */
export const byteOrderMark = [0xef, 0xbb, 0xbf] as const

export function beginsWithMark(bytes: Uint8Array): boolean {
  return byteOrderMark.every((byte, k) => bytes[k] === byte)
}

/** No bytes; shared, and never handed out. */
export const none = new Uint8Array(0)
