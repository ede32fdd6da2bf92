import { PipelineError } from '../../runtime/errors.ts'
import { isSet } from './validity.ts'

/** Decimals of `width` bytes as Arrow's 128-bit ones. */
export function widenDecimals(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  if (width === 16) return bytes
  const rows = bytes.length / width
  const words = new Int32Array(rows * 4)
  if (width === 8) {
    const pairs = new Int32Array(bytes.buffer, bytes.byteOffset, rows * 2)
    for (let row = 0; row < rows; row++) {
      words[row * 4] = pairs[row * 2]!
      words[row * 4 + 1] = pairs[row * 2 + 1]!
      words[row * 4 + 2] = words[row * 4 + 3] = pairs[row * 2 + 1]! >> 31
    }
  } else {
    const Values = width === 4 ? Int32Array : Int16Array
    const values = new Values(bytes.buffer, bytes.byteOffset, rows)
    for (let row = 0; row < rows; row++) {
      words[row * 4] = values[row]!
      words[row * 4 + 1] = words[row * 4 + 2] = words[row * 4 + 3] = values[row]! >> 31
    }
  }
  return new Uint8Array(words.buffer)
}

const LIMIT = 10n ** 38n
/** the highest word of 10^38 */
const HIGH = Number(LIMIT >> 96n)

/** 128-bit integers as decimals of 38 digits: throws `bad_data` for one that has more. */
export function checkHuge(
  bytes: Uint8Array<ArrayBuffer>,
  nullBitmap: Uint8Array | undefined,
  signed: boolean,
  name: string,
): Uint8Array<ArrayBuffer> {
  const rows = bytes.length / 16
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let row = 0; row < rows; row++) {
    const high = signed ? view.getInt32(row * 16 + 12, true) : view.getUint32(row * 16 + 12, true)
    if ((high < HIGH && high > -HIGH) || (nullBitmap !== undefined && !isSet(nullBitmap, row))) continue
    const upper = signed ? view.getBigInt64(row * 16 + 8, true) : view.getBigUint64(row * 16 + 8, true)
    const value = (upper << 64n) + view.getBigUint64(row * 16, true)
    if (value < LIMIT && value > -LIMIT) continue
    throw new PipelineError(
      'bad_data',
      `column ${JSON.stringify(name)}: ${value} has more than 38 digits: cast it to text`,
    )
  }
  return bytes
}
