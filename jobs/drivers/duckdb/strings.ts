import { isUtf8 } from 'node:buffer'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import { isSet } from './validity.ts'

/**
 * `duckdb_string_t`, 16 bytes, little-endian:
 *   up to 12 bytes of text   u32 length, the bytes, padded with zeros
 *   more                     u32 length, the first 4 bytes, u64 pointer
 */
export const STRING = 16
export const INLINE = 12

/** Bytes of `rows` values that lie behind each other in `bytes`, value i from `offsets[i]` to the next offset. */
export interface Texts {
  /** they must be UTF-8 */
  text: boolean
  bytes: Uint8Array
  offsets: { readonly [index: number]: number }
  rows: number
}

/**
 * Sets the strings of a vector: the bytes of all of them are handed over once, and pointers into them are written by
 * hand. False where a value is no UTF-8, on which DuckDB's functions may crash.
 */
export function writeStrings(vector: Vector, { text, bytes, offsets, rows }: Texts): boolean {
  const first = offsets[0]!
  const all = bytes.subarray(first, offsets[rows]!)
  if (text && !isUtf8(all)) return false
  let low = 0
  let high = 0
  if (all.length > INLINE) {
    duckdb.vector_assign_string_element_len(vector, 0, all)
    const head = duckdb.vector_get_data(vector, STRING)
    const view = new DataView(head.buffer, head.byteOffset, STRING)
    low = view.getUint32(8, true)
    high = view.getUint32(12, true)
  }
  const words = new Uint32Array(rows * 4)
  const cells = new Uint8Array(words.buffer)
  for (let row = 0, word = 0; row < rows; row++, word += 4) {
    const from = offsets[row]!
    const length = offsets[row + 1]! - from
    words[word] = length
    // All may be UTF-8 where a value is not: one that begins within a character
    if (text && length > 0 && (bytes[from]! & 0xc0) === 0x80) return false
    if (length <= INLINE) {
      const cell = word * 4 + 4
      for (let at = 0; at < length; at++) cells[cell + at] = bytes[from + at]!
      continue
    }
    words[word + 1] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)
    const address = low + (from - first)
    words[word + 2] = address
    words[word + 3] = address > 0xffffffff ? high + 1 : high
  }
  duckdb.copy_data_to_vector(vector, 0, words.buffer, 0, words.byteLength)
  return true
}

/**
 * Reads `rows` strings from row `from` on: `target` is told the length of each, and gets their bytes in order, in
 * pieces that may hold many. Entries of nulls may hold rubbish, so `valid` is asked first.
 */
export function readStrings(
  vector: Vector,
  from: number,
  rows: number,
  valid: Uint8Array | undefined,
  target: StringTarget,
): void {
  const data = duckdb.vector_get_data(vector, (from + rows) * STRING)
  const buffer = data.buffer as ArrayBuffer
  const words = new Uint32Array(buffer, data.byteOffset, (from + rows) * 4)
  let runStart = -1
  let runLength = 0
  let runNext = 0
  let runHigh = 0
  const flush = () => {
    if (runStart < 0) return
    const pointer = data.byteOffset + runStart * STRING + 8
    target.bytes(duckdb.get_data_from_pointer(buffer, pointer, runLength))
    runStart = -1
  }
  for (let row = from; row < from + rows; row++) {
    if (valid !== undefined && !isSet(valid, row)) {
      target.length(0)
      continue
    }
    const length = words[row * 4]!
    target.length(length)
    if (length === 0) continue
    if (length <= INLINE) {
      flush()
      target.inline(data, row * STRING + 4, length)
      continue
    }
    const low = words[row * 4 + 2]!
    const high = words[row * 4 + 3]!
    // Values that were stored behind each other are fetched by one call
    if (runStart >= 0 && low === runNext && high === runHigh) runLength += length
    else {
      flush()
      runStart = row
      runLength = length
    }
    runNext = low + length
    runHigh = high
  }
  flush()
}

export interface StringTarget {
  length(bytes: number): void
  inline(data: Uint8Array, at: number, length: number): void
  bytes(piece: Uint8Array): void
}
