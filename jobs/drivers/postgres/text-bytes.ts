/** Bytes that grow, with what the text form of COPY is made of. */
export class TextBytes {
  bytes: Uint8Array<ArrayBuffer>
  size = 0

  constructor(expected: number) {
    this.bytes = new Uint8Array(Math.max(expected, 64))
  }

  reserve(more: number): void {
    if (this.size + more <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.size + more, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.size))
    this.bytes = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.size++] = value
  }

  /** text of which every character is ASCII, and none needs an escape */
  ascii(text: string): void {
    const { length } = text
    this.reserve(length)
    const { bytes } = this
    let at = this.size
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i)
    this.size = at
  }

  /** a whole number from -2^53 to 2^53 */
  integer(value: number): void {
    this.reserve(17)
    let rest = value
    if (rest < 0) {
      this.bytes[this.size++] = 45
      rest = -rest
    }
    this.digits(rest, digitsOf(rest))
  }

  /** so many digits, with zeros before; there is room */
  digits(value: number, count: number): void {
    const { bytes } = this
    let rest = value
    let at = this.size + count
    this.size = at
    for (let left = count; left > 0; left--) {
      const next = Math.floor(rest / 10)
      bytes[--at] = 48 + (rest - next * 10)
      rest = next
    }
  }

  /** `\\x6869`: the backslash is escaped */
  hex(source: Uint8Array, from: number, to: number): void {
    this.reserve(3 + 2 * (to - from))
    const { bytes } = this
    let at = this.size
    bytes[at++] = 92
    bytes[at++] = 92
    bytes[at++] = 120
    for (let i = from; i < to; i++) {
      const value = source[i]!
      bytes[at++] = hexDigits[value >> 4]!
      bytes[at++] = hexDigits[value & 15]!
    }
    this.size = at
  }

  /** UTF-8 with the escapes of COPY: https://www.postgresql.org/docs/current/sql-copy.html, text format */
  escaped(source: Uint8Array, from: number, to: number): void {
    this.reserve(2 * (to - from))
    const { bytes } = this
    let at = this.size
    for (let i = from; i < to; i++) {
      const value = source[i]!
      if (value > 13 && value !== 92) bytes[at++] = value
      else {
        const letter = escapes[value]!
        if (letter !== 0) bytes[at++] = 92
        bytes[at++] = letter === 0 ? value : letter
      }
    }
    this.size = at
  }
}

const hexDigits = Uint8Array.from('0123456789abcdef', digit => digit.charCodeAt(0))

/** `\b \t \n \v \f \r \\` */
const escapes = new Uint8Array(93)
for (const [value, letter] of [
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [11, 'v'],
  [12, 'f'],
  [13, 'r'],
  [92, '\\'],
] as const)
  escapes[value] = letter.charCodeAt(0)

function digitsOf(value: number): number {
  let count = 1
  for (let limit = 10; value >= limit && count < 16; limit *= 10) count++
  return count
}
