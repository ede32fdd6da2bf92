import { type Data, type DataType, DataType as Is, makeData, TimeUnit } from 'apache-arrow'
import { dataOf } from '../../../runtime/batch/build.ts'
import { type Cell, coercer } from '../../../runtime/batch/coerce.ts'
import { dateOf, floatOf, microsOf, naturalOf, none, wholeOf } from './parse.ts'
import {
  ESCAPED,
  exactNumber,
  FALSE,
  type Kind,
  NESTED,
  NULL,
  NUMBER,
  parseExact,
  TEXT,
  TRUE,
  type Unquote,
} from './values.ts'

/**
 * A column that is being filled row by row. A row may be put again: what it held is then forgotten, so that a row
 * that turns out not to fit costs nothing.
 */
export interface Column {
  /** Throws `Misfit` where the value does not fit the type. */
  put(row: number, bytes: Buffer, from: number, to: number, kind: Kind): void
  /** The first `rows` rows; the column is empty afterwards. */
  take(rows: number): Data
}

/** What the type makes of bytes in the usual form. False: the form is unusual, ask the coercer. */
interface Store {
  put(row: number, bytes: Buffer, from: number, to: number, kind: Kind): boolean
  cell(row: number, cell: Exclude<Cell, null>): void
  data(rows: number): { data?: ArrayBufferView; valueOffsets?: Int32Array; cells?: Cell[] }
}

/** A column of up to `capacity` rows. */
export function createColumn(type: DataType, capacity: number, unquote: Unquote): Column {
  const coerce = coercer(type)
  const valueAt = valueReader(type, unquote)
  let store = storeOf(type, capacity)
  let valid = new Uint8Array((capacity + 7) >> 3)
  return {
    put(row, bytes, from, to, kind) {
      if (kind === NULL || !store.put(row, bytes, from, to, kind)) {
        const cell = kind === NULL ? null : coerce(valueAt(bytes, from, to, kind))
        if (cell === null) {
          valid[row >> 3]! &= ~(1 << (row & 7))
          store.put(row, bytes, from, from, NULL)
          return
        }
        store.cell(row, cell)
      }
      valid[row >> 3]! |= 1 << (row & 7)
    },
    take(rows) {
      // few rows are copied, so that they do not hold on to the memory of many
      const few = rows * 4 < capacity
      const { nullBitmap, nullCount } = bitmapOf(few ? valid.slice() : valid, rows)
      const { cells, data, valueOffsets } = store.data(rows)
      const own = (buffer: Uint8Array | Int32Array) => (few ? buffer.slice() : buffer)
      const made =
        cells !== undefined
          ? dataOf(type, cells.slice(0, rows))
          : makeData({
              type,
              length: rows,
              nullCount,
              ...(nullCount > 0 && { nullBitmap }),
              data: own(data as Uint8Array),
              ...(valueOffsets && { valueOffsets: own(valueOffsets) }),
            } as Parameters<typeof makeData>[0])
      if (!few) {
        store = storeOf(type, capacity)
        valid = new Uint8Array((capacity + 7) >> 3)
      }
      return made
    },
  }
}

function bitmapOf(valid: Uint8Array, rows: number): { nullBitmap: Uint8Array; nullCount: number } {
  const nullBitmap = valid.subarray(0, (rows + 7) >> 3)
  // the row after the last may have been put and given up
  if ((rows & 7) !== 0) nullBitmap[rows >> 3]! &= (1 << (rows & 7)) - 1
  let set = 0
  for (let byte of nullBitmap) for (; byte !== 0; byte &= byte - 1) set++
  return { nullBitmap, nullCount: rows - set }
}

/** The value as the coercer wants it. */
function valueReader(type: DataType, unquote: Unquote) {
  const digitsCount = Is.isInt(type) || Is.isDecimal(type)
  const isText = Is.isUtf8(type)
  return (bytes: Buffer, from: number, to: number, kind: Kind): unknown => {
    if (kind === TRUE || kind === FALSE) return kind === TRUE
    if (kind === ESCAPED) return unquote(bytes, from, to)
    const text = bytes.toString('utf8', from, to)
    if (kind === TEXT || isText) return text
    if (kind === NESTED) return parseExact(text)
    const number = exactNumber(text)
    // digits after the point, and large exponents, are exact only as text
    return digitsCount && !Number.isSafeInteger(number) && typeof number === 'number' ? text : number
  }
}

function storeOf(type: DataType, capacity: number): Store {
  if (Is.isInt(type) && type.bitWidth < 64) return wholeStore(type, capacity)
  if (Is.isInt(type)) return wideStore(type, capacity, type.isSigned ? wholeOf : naturalOf)
  if (Is.isFloat(type) && type.precision !== 0) return floatStore(type, capacity)
  if (Is.isUtf8(type)) return textStore(capacity)
  if (Is.isBool(type)) return boolStore(capacity)
  if (Is.isTimestamp(type) && type.unit === TimeUnit.MICROSECOND) return wideStore(type, capacity, microsOf, TEXT)
  if (Is.isDate(type) && type.unit === 0) return dateStore(capacity)
  return cellStore(capacity)
}

function wholeStore(type: DataType & { bitWidth: number; isSigned: boolean }, capacity: number): Store {
  const values = new type.ArrayType(capacity) as Int32Array
  const least = type.isSigned ? -(2 ** (type.bitWidth - 1)) : 0
  const most = 2 ** (type.isSigned ? type.bitWidth - 1 : type.bitWidth) - 1
  return {
    put(row, bytes, from, to, kind) {
      if (kind !== NUMBER && kind !== TEXT) return false
      const value = wholeOf(bytes, from, to)
      if (value === none || value < least || value > most) return false
      values[row] = value
      return true
    },
    cell: (row, cell) => {
      values[row] = Number(cell)
    },
    data: rows => ({ data: values.subarray(0, rows) }),
  }
}

/** 64-bit integers, written as two halves: a BigInt per value would cost more than all the rest. */
function wideStore(
  type: DataType,
  capacity: number,
  read: (bytes: Buffer, from: number, to: number) => number,
  only?: typeof TEXT,
): Store {
  const values = new type.ArrayType(capacity) as BigInt64Array
  const halves = new Int32Array(values.buffer)
  return {
    put(row, bytes, from, to, kind) {
      if (kind !== TEXT && (kind !== NUMBER || only === TEXT)) return false
      const value = read(bytes, from, to)
      if (value === none) return false
      const high = Math.floor(value / 0x1_0000_0000)
      halves[2 * row] = value - high * 0x1_0000_0000
      halves[2 * row + 1] = high
      return true
    },
    cell: (row, cell) => {
      values[row] = BigInt(cell as bigint)
    },
    data: rows => ({ data: values.subarray(0, rows) }),
  }
}

function floatStore(type: DataType, capacity: number): Store {
  const values = new type.ArrayType(capacity) as Float64Array
  return {
    put(row, bytes, from, to, kind) {
      if (kind !== NUMBER && kind !== TEXT) return false
      const value = floatOf(bytes, from, to)
      if (value === none && kind === TEXT) return false
      values[row] = value === none ? Number(bytes.toString('latin1', from, to)) : value
      return true
    },
    cell: (row, cell) => {
      values[row] = cell as number
    },
    data: rows => ({ data: values.subarray(0, rows) }),
  }
}

function dateStore(capacity: number): Store {
  const values = new Int32Array(capacity)
  return {
    put(row, bytes, from, to, kind) {
      const days = kind === TEXT && to - from === 10 ? dateOf(bytes, from) : none
      if (days === none) return false
      values[row] = days
      return true
    },
    cell: (row, cell) => {
      values[row] = cell as number
    },
    data: rows => ({ data: values.subarray(0, rows) }),
  }
}

function boolStore(capacity: number): Store {
  const bits = new Uint8Array((capacity + 7) >> 3)
  const set = (row: number, value: boolean) => {
    if (value) bits[row >> 3]! |= 1 << (row & 7)
    else bits[row >> 3]! &= ~(1 << (row & 7))
  }
  return {
    put(row, bytes, from, to, kind) {
      if (kind === TRUE || kind === FALSE) set(row, kind === TRUE)
      else if (kind !== TEXT || to - from > 5) return false
      else {
        const word = bytes.toString('latin1', from, to).toLowerCase()
        if (word !== 'true' && word !== 'false') return false
        set(row, word === 'true')
      }
      return true
    },
    cell: (row, cell) => set(row, cell === true),
    data: rows => ({ data: bits.subarray(0, (rows + 7) >> 3) }),
  }
}

/** Below this a loop is quicker than a call that copies. */
const shortText = 24
const encoder = new TextEncoder()

function textStore(capacity: number): Store {
  const valueOffsets = new Int32Array(capacity + 1)
  let values = new Uint8Array(capacity * 16)
  const room = (end: number) => {
    if (end <= values.length) return
    const larger = new Uint8Array(Math.max(end, values.length * 2))
    larger.set(values)
    values = larger
  }
  return {
    put(row, bytes, from, to, kind) {
      if (kind === ESCAPED || kind === TRUE || kind === FALSE) return false
      let at = valueOffsets[row]!
      const end = at + to - from
      valueOffsets[row + 1] = end
      room(end)
      if (to - from > shortText) values.set(bytes.subarray(from, to), at)
      else while (from < to) values[at++] = bytes[from++]!
      return true
    },
    cell(row, cell) {
      const text = encoder.encode(cell as string)
      const at = valueOffsets[row]!
      room(at + text.length)
      values.set(text, at)
      valueOffsets[row + 1] = at + text.length
    },
    data: rows => ({
      valueOffsets: valueOffsets.subarray(0, rows + 1),
      data: values.subarray(0, valueOffsets[rows]),
    }),
  }
}

/** Types that come seldom: one JavaScript value per row. */
function cellStore(capacity: number): Store {
  const cells = new Array<Cell>(capacity).fill(null)
  return {
    put(row, _bytes, _from, _to, kind) {
      if (kind === NULL) cells[row] = null
      return false
    },
    cell: (row, cell) => {
      cells[row] = cell
    },
    data: () => ({ cells }),
  }
}
