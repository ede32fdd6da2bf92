/**
 * NUMERIC in binary: int16 number of digits to base 10,000, int16 weight of the first (a power of 10,000), int16 sign
 * (0x4000: minus, 0xC000, 0xD000, 0xF000: NaN and infinities), int16 digits shown after the point, then the digits.
 */
const BASE = 10_000
const MINUS = 0x4000
const powers = [1, 10, 100, 1000]

/** Writes the value, scaled, as a 128-bit integer at `words[to]`; false: it is no number. */
export function decimalWords(view: DataView, at: number, scale: number, words: Int32Array, to: number): boolean {
  const count = view.getInt16(at)
  const weight = view.getInt16(at + 2)
  const sign = view.getUint16(at + 4)
  if (sign !== 0 && sign !== MINUS) return false
  // the exponent, to base ten, of what the last digit counts, once the value is scaled
  const exponent = 4 * (weight - count + 1) + scale
  // up to three groups of four digits and what follows stay below 2^53
  if (4 * count + Math.max(0, exponent) <= 15) {
    let value = 0
    for (let digit = 0; digit < count; digit++) value = value * BASE + view.getInt16(at + 8 + 2 * digit)
    value = exponent >= 0 ? value * 10 ** exponent : value / 10 ** -exponent
    const high = Math.floor(value / 0x1_0000_0000)
    put(words, to, value - high * 0x1_0000_0000, high, 0, 0, sign === MINUS)
    return true
  }
  let value = 0n
  for (let digit = 0; digit < count; digit++) value = value * 10_000n + BigInt(view.getInt16(at + 8 + 2 * digit))
  value = exponent >= 0 ? value * 10n ** BigInt(exponent) : value / BigInt(powers[-exponent] ?? 10 ** -exponent)
  const word = (shift: bigint) => Number((value >> shift) & 0xffffffffn)
  put(words, to, word(0n), word(32n), word(64n), word(96n), sign === MINUS)
  return true
}

/** Two's complement, little-endian. */
function put(words: Int32Array, to: number, a: number, b: number, c: number, d: number, isNegative: boolean): void {
  words[to] = a
  words[to + 1] = b
  words[to + 2] = c
  words[to + 3] = d
  if (!isNegative) return
  let carry = 1
  for (let word = 0; word < 4; word++) {
    const inverted = (~words[to + word]! >>> 0) + carry
    words[to + word] = inverted
    carry = inverted > 0xffffffff ? 1 : 0
  }
}
