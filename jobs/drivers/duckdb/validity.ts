import duckdb, { type Vector } from '@duckdb/node-bindings'

/** Bitmaps of what is not null, least significant bit first, as Arrow and DuckDB both have them. */

export const isSet = (bits: Uint8Array, at: number): boolean => (bits[at >> 3]! & (1 << (at & 7))) !== 0

/** `count` bits from bit `start` on, moved to bit 0. Shares memory where it can. */
export function bitsFrom(bits: Uint8Array, start: number, count: number): Uint8Array {
  const first = start >> 3
  const bytes = (count + 7) >> 3
  const shift = start & 7
  if (shift === 0) return bits.subarray(first, first + bytes)
  const moved = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++)
    moved[at] = (bits[first + at]! >> shift) | ((bits[first + at + 1] ?? 0) << (8 - shift))
  return moved
}

/** Bits set in both; undefined stands for all. */
export function both(left: Uint8Array | undefined, right: Uint8Array | undefined): Uint8Array | undefined {
  if (left === undefined || right === undefined) return left ?? right
  return left.map((byte, at) => byte & right[at]!)
}

/** The nulls of `rows` values of a vector; undefined where there are none. Valid only as long as the chunk is. */
export function validityOf(vector: Vector, rows: number): Uint8Array | undefined {
  return duckdb.vector_get_validity(vector, Math.ceil(rows / 64) * 8) ?? undefined
}

/** Collects the nulls of a column that is read piece by piece. */
export function createValidity() {
  let bits: Uint8Array | undefined
  let length = 0
  let nulls = 0
  /** marks so many rows; `valid` undefined: none is null */
  function add(valid: Uint8Array | undefined, from: number, rows: number): void {
    if (valid !== undefined || bits !== undefined) {
      grow(length + rows)
      for (let row = 0; row < rows; row++) {
        if (valid === undefined || isSet(valid, from + row)) continue
        const at = length + row
        bits![at >> 3]! &= ~(1 << (at & 7))
        nulls++
      }
    }
    length += rows
  }
  function grow(rows: number): void {
    const needed = (rows + 7) >> 3
    if (bits !== undefined && bits.length >= needed) return
    const larger = new Uint8Array(Math.max(needed, 2 * (bits?.length ?? 0), 1024)).fill(0xff)
    if (bits !== undefined) larger.set(bits)
    bits = larger
  }
  return {
    add,
    get rows() {
      return length
    },
    finish(): { length: number; nullCount: number; nullBitmap: Uint8Array | undefined } {
      return { length, nullCount: nulls, nullBitmap: nulls > 0 ? bits!.subarray(0, (length + 7) >> 3) : undefined }
    },
  }
}
