const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30

/** digits that any double holds exactly, and so does a double that has been read from them */
const exactDigits = 15
const grammar = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** no 64-bit integer has more */
const mostDigits = 20
const latin1 = new TextDecoder('latin1')

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= 0x39

/** Where the number ends that begins at `start` (RFC 8259 section 6); -1 if none does. */
export function numberEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start
  if (at < end && bytes[at] === ZERO) at++
  else if ((at = digitsEnd(bytes, at, end)) < 0) return -1
  if (at < end && bytes[at] === DOT && (at = digitsEnd(bytes, at + 1, end)) < 0) return -1
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at++
    if (at < end && (bytes[at] === MINUS || bytes[at] === 0x2b)) at++
    at = digitsEnd(bytes, at, end)
  }
  return at
}

/** Where the digits end that begin at `start`; -1 if there are none. */
function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && isDigit(bytes[at])) at++
  return at === start ? -1 : at
}

/** An integer of 64 bits, read from decimal text. */
export class Integer {
  /** the words of its magnitude */
  low = 0
  high = 0
  negative = false

  /** Reads [start, end), and says whether that is a whole number of up to 64 bits; `1.0` and `1e3` are. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start
    this.negative = bytes[at] === MINUS
    if (this.negative) at++
    const digits = end - at
    if (digits === 0 || digits > mostDigits || (bytes[at] === ZERO && digits > 1)) return this.slow(bytes, start, end)
    let value = 0
    const exact = Math.min(end, at + exactDigits)
    for (; at < exact; at++) {
      const digit = bytes[at]! - ZERO
      if (digit < 0 || digit > 9) return this.slow(bytes, start, end)
      value = 10 * value + digit
    }
    let high = Math.floor(value / 0x1_0000_0000)
    let low = value >>> 0
    for (; at < end; at++) {
      const digit = bytes[at]! - ZERO
      if (digit < 0 || digit > 9) return this.slow(bytes, start, end)
      const sum = 10 * low + digit
      low = sum >>> 0
      high = 10 * high + Math.floor(sum / 0x1_0000_0000)
    }
    this.low = low
    this.high = high
    return high <= 0xffff_ffff
  }

  /** Fractions and exponents; `-0` is 0 here, too. */
  private slow(bytes: Uint8Array, start: number, end: number): boolean {
    const parts = grammar.exec(latin1.decode(bytes.subarray(start, end)))
    if (parts === null) return false
    const [, , whole, fraction = '', exponent = '0'] = parts
    const mantissa = (whole + fraction).replace(/^0+/, '')
    const digits = withoutZeros(mantissa)
    const zeros = Number(exponent) - fraction.length + mantissa.length - digits.length
    this.low = this.high = 0
    if (digits === '') return true
    if (zeros < 0 || digits.length + zeros > mostDigits) return false
    const value = BigInt(digits + '0'.repeat(zeros))
    this.low = Number(value & 0xffff_ffffn)
    this.high = Number(value >> 32n)
    return this.high <= 0xffff_ffff
  }

  /** Whether it fits into `bits` unsigned ones, 32 or 64. */
  isUnsigned(bits: number): boolean {
    if (this.negative && (this.low !== 0 || this.high !== 0)) return false
    return bits === 64 || this.high === 0
  }

  /** Whether it fits into `bits` with a sign; then makes `low` and `high` those of 64 bits in two's complement. */
  toSigned(bits: number): boolean {
    const { low, high, negative } = this
    const top = bits === 64 ? high : low
    if (bits === 32 && high !== 0) return false
    if (top > 0x7fff_ffff && !(negative && top === 0x8000_0000 && (bits === 32 || low === 0))) return false
    if (negative) {
      this.low = -low >>> 0
      this.high = (~high + (low === 0 ? 1 : 0)) >>> 0
    }
    return true
  }
}

/** Without the zeros at its end; a regular expression would try at each of them. */
function withoutZeros(digits: string): string {
  let length = digits.length
  while (length > 0 && digits.charCodeAt(length - 1) === ZERO) length--
  return digits.slice(0, length)
}

/** The double that is nearest to the JSON number at [start, end); an infinity where it passes the range. */
export function readDouble(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === MINUS
  let value = 0
  let decimals = 0
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (bytes[at] === DOT) decimals = end - at - 1
    else if (digit >= 0 && digit <= 9 && end - start <= exactDigits + 2) value = 10 * value + digit
    else return Number(latin1.decode(bytes.subarray(start, end)))
  }
  if (value > Number.MAX_SAFE_INTEGER) return Number(latin1.decode(bytes.subarray(start, end)))
  // both are exact, so that the quotient is the nearest double
  const magnitude = value / 10 ** decimals
  return negative ? -magnitude : magnitude
}

/** The double in a string: a JSON number or one of the three words of proto3 JSON; nothing where it is neither. */
export function readQuotedDouble(bytes: Uint8Array, start: number, end: number): number | undefined {
  const text = latin1.decode(bytes.subarray(start, end))
  if (text === 'NaN') return Number.NaN
  if (text === 'Infinity') return Number.POSITIVE_INFINITY
  if (text === '-Infinity') return Number.NEGATIVE_INFINITY
  if (!grammar.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}
