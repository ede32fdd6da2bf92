import { type Data, type Dictionary, makeBuilder, Vector } from 'apache-arrow'
import { isSet } from './validity.ts'

/** Values in DuckDB's layout where Arrow's differs. */

/** One byte for each bit. */
export function widenBits(bits: Uint8Array, start: number, rows: number): Uint8Array {
  const bytes = new Uint8Array(rows)
  for (let row = 0; row < rows; row++) bytes[row] = isSet(bits, start + row) ? 1 : 0
  return bytes
}

/** Integers times `factor`, divided by `divisor` towards the past. */
export function scaled(values: Int32Array | BigInt64Array, factor: bigint, divisor = 1n): BigInt64Array {
  return BigInt64Array.from({ length: values.length }, (_, at) => {
    const value = BigInt(values[at]!) * factor
    const quotient = value / divisor
    return value % divisor < 0n ? quotient - 1n : quotient
  })
}

/** Half precision to single. */
export function toFloats(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, half => {
    const sign = half & 0x8000 ? -1 : 1
    const exponent = (half >> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 0) return sign * 2 ** -24 * fraction
    if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    return sign * 2 ** (exponent - 25) * (1024 + fraction)
  })
}

/** 128-bit decimals (four words each) in the width in which DuckDB keeps their precision. */
export function narrowDecimals(words: Uint32Array, precision: number): Int16Array | Int32Array | Uint32Array {
  const rows = words.length / 4
  if (precision > 18) return words
  if (precision > 9) {
    const pairs = new Uint32Array(rows * 2)
    for (let row = 0; row < rows; row++) {
      pairs[row * 2] = words[row * 4]!
      pairs[row * 2 + 1] = words[row * 4 + 1]!
    }
    return pairs
  }
  const narrow = precision > 4 ? new Int32Array(rows) : new Int16Array(rows)
  for (let row = 0; row < rows; row++) narrow[row] = words[row * 4]!
  return narrow
}

/** A dictionary column as a column of its values. */
export function plain(data: Data, type: Dictionary): Data {
  const builder = makeBuilder({ type: type.dictionary, nullValues: [null] })
  for (const value of new Vector([data])) builder.append(value)
  return builder.finish().flush()
}
