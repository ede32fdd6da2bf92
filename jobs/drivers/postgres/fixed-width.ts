import { type Data, type DataType, type Decimal, makeData } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { decimalWords } from './numeric.ts'

/** Columns whose values have one width, from the binary format of COPY. */

export interface Appender {
  /** The value lies in `view` from `at` on; `length` -1: null. */
  append(view: DataView, at: number, length: number): void
  /** The column, and begins anew. */
  finish(): Data
}

/** Rows that a column is made for at first. */
export const firstRows = 1024

type Typed = Int16Array | Int32Array | Float32Array | Float64Array

export function fixedAppender<V extends Typed>(
  name: string,
  type: DataType,
  make: (rows: number) => V,
  bytes: number,
  read: (view: DataView, at: number) => V[0],
): Appender {
  let values = make(firstRows)
  let rows = 0
  const nulls = createNulls()
  return {
    append(view, at, length) {
      if (rows === values.length) {
        const larger = make(2 * rows)
        larger.set(values as never)
        values = larger
      }
      if (length === bytes) values[rows] = read(view, at)
      else if (length === -1) nulls.add(rows)
      else throw changed(name, length, bytes)
      rows++
    },
    finish() {
      const data = values.subarray(0, rows)
      const column = makeData({ type, length: rows, ...nulls.finish(rows), data } as Parameters<typeof makeData>[0])
      values = make(Math.max(firstRows, rows))
      rows = 0
      return column
    },
  }
}

const changed = (name: string, length: number, bytes: number) =>
  new PipelineError(
    'bad_data',
    `column ${JSON.stringify(name)}: a value has ${length} bytes instead of ${bytes}: its type was changed, start the pipeline again`,
  )

/** Of 64 bits, and `plus`; as two words, since a BigInt per value costs more than all the rest. */
export function wideAppender(
  name: string,
  type: DataType,
  plus = 0,
  check: (low: number, high: number) => void = () => {},
): Appender {
  const [plusLow, plusHigh] = [plus % WORD, Math.floor(plus / WORD)]
  let words = new Int32Array(2 * firstRows)
  let rows = 0
  const nulls = createNulls()
  return {
    append(view, at, length) {
      if (2 * rows === words.length) {
        const larger = new Int32Array(2 * words.length)
        larger.set(words)
        words = larger
      }
      if (length === 8) {
        const high = view.getInt32(at)
        const low = view.getUint32(at + 4)
        check(low, high)
        const sum = low + plusLow
        words[2 * rows] = sum
        words[2 * rows + 1] = high + plusHigh + (sum >= WORD ? 1 : 0)
      } else if (length === -1) nulls.add(rows)
      else throw changed(name, length, 8)
      rows++
    },
    finish() {
      const data = new BigInt64Array(words.buffer, 0, rows)
      const column = makeData({ type, length: rows, ...nulls.finish(rows), data } as Parameters<typeof makeData>[0])
      words = new Int32Array(Math.max(2 * firstRows, 2 * rows))
      rows = 0
      return column
    },
  }
}

const WORD = 0x1_0000_0000

export function boolAppender(name: string, type: DataType): Appender {
  let values: number[] = []
  const nulls = createNulls()
  return {
    append(view, at, length) {
      if (length !== 1 && length !== -1) throw changed(name, length, 1)
      if (length === -1) nulls.add(values.length)
      values.push(length === 1 ? view.getUint8(at) : 0)
    },
    finish() {
      const length = values.length
      const data = new Uint8Array((length + 7) >> 3)
      for (let row = 0; row < length; row++) if (values[row] === 1) data[row >> 3]! |= 1 << (row & 7)
      values = []
      return makeData({ type, length, ...nulls.finish(length), data } as Parameters<typeof makeData>[0])
    },
  }
}

export function decimalAppender(type: Decimal, bad: (what: string) => Error): Appender {
  let words = new Int32Array(4 * firstRows)
  let rows = 0
  const nulls = createNulls()
  return {
    append(view, at, length) {
      if (4 * rows === words.length) {
        const larger = new Int32Array(2 * words.length)
        larger.set(words)
        words = larger
      }
      if (length === -1) nulls.add(rows)
      else if (!decimalWords(view, at, type.scale, words, 4 * rows)) throw bad('a number is NaN or infinite')
      rows++
    },
    finish() {
      const data = new Uint32Array(words.buffer, 0, 4 * rows)
      const column = makeData({ type, length: rows, ...nulls.finish(rows), data } as Parameters<typeof makeData>[0])
      words = new Int32Array(Math.max(4 * firstRows, 4 * rows))
      rows = 0
      return column
    },
  }
}

/** Which rows are not null; without a bitmap until the first null. */
export function createNulls() {
  let bits: Uint8Array<ArrayBuffer> | undefined
  let nulls = 0
  return {
    add(row: number): void {
      if (bits === undefined || bits.length <= row >> 3) {
        const larger = new Uint8Array(Math.max(2 * (row >> 3), 128)).fill(0xff)
        if (bits !== undefined) larger.set(bits)
        bits = larger
      }
      bits[row >> 3]! &= ~(1 << (row & 7))
      nulls++
    },
    finish(rows: number): { nullCount: number; nullBitmap?: Uint8Array } {
      const bytes = (rows + 7) >> 3
      const made = bits
      const nullCount = nulls
      bits = undefined
      nulls = 0
      if (made === undefined) return { nullCount }
      if (made.length >= bytes) return { nullCount, nullBitmap: made.subarray(0, bytes) }
      const larger = new Uint8Array(bytes).fill(0xff)
      larger.set(made)
      return { nullCount, nullBitmap: larger }
    },
  }
}
