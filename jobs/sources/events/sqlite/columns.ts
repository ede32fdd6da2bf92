import { type Data, makeData } from 'apache-arrow'
import { typeOf } from '../../../runtime/batch/types.ts'
import { arrowTypes, type Column } from '../tables.ts'

/** A cell as SQLite gives it with `safeIntegers`. */
export type Cell = bigint | number | string | Uint8Array | null

/** Takes the cells of a page, row after row, and gives them as an Arrow column. Made once, used for every page. */
export interface Builder {
  /** Says how many bytes it took. */
  add(row: number, value: Cell): number
  /** The first `rows` rows, in memory of their own. */
  finish(rows: number): Data
}

export function builderOf(column: Column, rows: number): Builder {
  const { kind, ofStream } = column
  const type = typeOf(arrowTypes[kind])
  const nulls = createNulls(rows)
  const inner =
    kind === 'real'
      ? reals(rows)
      : kind === 'bool'
        ? flags(rows)
        : kind === 'text' || kind === 'id' || kind === 'json' || kind === 'blob'
          ? bytes(rows, ofStream)
          : integers(kind === 'ns' || kind === 'u64' ? new BigUint64Array(rows) : new BigInt64Array(rows))
  return {
    add(row, value) {
      if (row === 0) nulls.clear()
      if (value === null) nulls.add(row)
      return inner.add(row, value)
    },
    finish: length => makeData({ type, length, ...nulls.finish(length), ...inner.finish(length) } as never),
  }
}

interface Values {
  add(row: number, value: Cell): number
  finish(rows: number): { data: ArrayBufferView; valueOffsets?: Int32Array }
}

/** Above 2^63-1 they are stored as decimal text. */
function integers(values: BigInt64Array | BigUint64Array): Values {
  return {
    add(row, value) {
      values[row] = typeof value === 'bigint' ? value : BigInt((value as string | null) ?? 0)
      return 8
    },
    finish: rows => ({ data: values.slice(0, rows) }),
  }
}

/** NaN is stored as the text NaN. */
function reals(rows: number): Values {
  const values = new Float64Array(rows)
  return {
    add(row, value) {
      values[row] = Number(value)
      return 8
    },
    finish: length => ({ data: values.slice(0, length) }),
  }
}

function flags(rows: number): Values {
  const bits = new Uint8Array((rows + 7) >> 3)
  return {
    add(row, value) {
      if (value === 1n) bits[row >> 3]! |= 1 << (row & 7)
      else bits[row >> 3]! &= ~(1 << (row & 7))
      return 1
    },
    finish: length => ({ data: bits.slice(0, (length + 7) >> 3) }),
  }
}

/** `repeated`: the same string object comes for many rows, and is encoded once. */
function bytes(rows: number, repeated: boolean): Values {
  const offsets = new Int32Array(rows + 1)
  let buffer = Buffer.allocUnsafeSlow(1 << 16)
  let last: Cell = null

  function reserve(end: number): void {
    if (end <= buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(end, buffer.length * 2))
    buffer.copy(larger)
    buffer = larger
  }

  function write(row: number, at: number, value: Cell): number {
    if (value === null) return 0
    if (repeated && row > 0 && value === last) {
      const begin = offsets[row - 1]!
      reserve(at + at - begin)
      buffer.copyWithin(at, begin, at)
      return at - begin
    }
    last = value
    if (typeof value === 'string') {
      reserve(at + value.length * 3)
      return buffer.write(value, at)
    }
    const blob = value as Uint8Array
    reserve(at + blob.length)
    buffer.set(blob, at)
    return blob.length
  }

  return {
    add(row, value) {
      const at = offsets[row]!
      const length = write(row, at, value)
      offsets[row + 1] = at + length
      return length + 4
    },
    finish(length) {
      const used = offsets[length]!
      const data = new Uint8Array(used)
      data.set(buffer.subarray(0, used))
      // a page with a huge event leaves no huge buffer behind
      if (buffer.length > 32 << 20) buffer = Buffer.allocUnsafeSlow(1 << 16)
      return { data, valueOffsets: offsets.slice(0, length + 1) }
    },
  }
}

function createNulls(rows: number) {
  const valid = new Uint8Array((rows + 7) >> 3).fill(255)
  let nullCount = 0
  return {
    add(row: number) {
      nullCount++
      valid[row >> 3]! &= ~(1 << (row & 7))
    },
    finish(length: number) {
      if (nullCount === 0) return { nullCount: 0 }
      return { nullCount, nullBitmap: valid.slice(0, (length + 7) >> 3) }
    },
    clear() {
      if (nullCount > 0) valid.fill(255)
      nullCount = 0
    },
  }
}
