import { isUtf8 } from 'node:buffer'
import { type Data, type DataType, DataType as Is, makeData } from 'apache-arrow'
import { dataOf } from '../../runtime/batch/build.ts'
import { type Cell, coercer, Misfit } from '../../runtime/batch/coerce.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import type { Cursor } from './cursor.ts'

/** A column that grows row by row, in any order of writes to the last row: a later write to it counts. */
export interface ColumnBuilder {
  type: DataType
  setNull(row: number): void
  /** Any value that the type can be made of; throws a Misfit. */
  setValue(row: number, value: unknown): void
  /** The next long of the cursor; where the type is a 64-bit one. */
  setLong?(row: number, cursor: Cursor): void
  setNumber?(row: number, value: number): void
  setBytes?(row: number, from: Buffer, start: number, end: number): void
  /** The first rows as Arrow data, and empty again. */
  finish(rows: number): Data
}

const firstRows = 1024

export function columnBuilder(type: DataType): ColumnBuilder {
  if (Is.isUtf8(type) || Is.isBinary(type)) return bytesColumn(type)
  if (Is.isBool(type)) return boolColumn(type)
  // a list says the array of its items
  const isNested = type.children !== null
  if (!isNested && (type.ArrayType === BigInt64Array || type.ArrayType === BigUint64Array)) {
    if (!Is.isDecimal(type)) return longColumn(type)
  }
  if ((Is.isInt(type) && type.bitWidth <= 32) || Is.isFloat(type) || Is.isDate(type)) return numberColumn(type)
  return cellColumn(type)
}

/** Which rows have a value. */
function createValidity() {
  let bits = new Uint8Array(firstRows >> 3)
  return {
    set(row: number) {
      const at = row >> 3
      if (at >= bits.length) bits = grown(bits, at + 1)
      bits[at]! |= 1 << (row & 7)
    },
    clear(row: number) {
      const at = row >> 3
      if (at >= bits.length) bits = grown(bits, at + 1)
      bits[at]! &= ~(1 << (row & 7))
    },
    take(rows: number) {
      const used = bits.subarray(0, (rows + 7) >> 3)
      let nullCount = rows
      for (const byte of used) for (let left = byte; left !== 0; left &= left - 1) nullCount--
      // bits behind the last row are of a row that was given up
      if ((rows & 7) !== 0) {
        const last = used[used.length - 1] ?? 0
        for (let bit = rows & 7; bit < 8; bit++) if ((last >> bit) & 1) nullCount++
      }
      bits = new Uint8Array(bits.length)
      return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: used }
    },
  }
}

function grown<T extends Uint8Array | Int32Array | Float64Array>(array: T, least: number): T {
  const larger = new (array.constructor as new (length: number) => T)(Math.max(least, array.length * 2))
  larger.set(array)
  return larger
}

const encoder = new TextEncoder()

function checkText(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new Misfit('its bytes are no UTF-8')
}

function bytesColumn(type: DataType): ColumnBuilder {
  const validity = createValidity()
  let offsets = new Int32Array(firstRows + 1)
  let values = new Uint8Array(16 * firstRows)
  const convert = coercer(type)
  const isText = Is.isUtf8(type)

  function setBytes(row: number, from: Buffer, start: number, end: number): void {
    const at = offsets[row]!
    const stop = at + end - start
    if (stop > values.length) values = grown(values, stop)
    if (row + 2 > offsets.length) offsets = grown(offsets, row + 2)
    // short texts are copied faster by hand
    if (end - start < 24) {
      let bits = 0
      for (let k = start, to = at; k < end; k++, to++) bits |= values[to] = from[k]!
      if (isText && bits >= 0x80) checkText(from.subarray(start, end))
    } else {
      const part = from.subarray(start, end)
      if (isText) checkText(part)
      values.set(part, at)
    }
    offsets[row + 1] = stop
    validity.set(row)
  }

  return {
    type,
    setBytes,
    setNull(row) {
      if (row + 2 > offsets.length) offsets = grown(offsets, row + 2)
      offsets[row + 1] = offsets[row]!
      validity.clear(row)
    },
    setValue(row, value) {
      const cell = convert(value)
      if (cell === null) return this.setNull(row)
      const bytes = Buffer.from(isText ? encoder.encode(cell as string) : (cell as Uint8Array))
      setBytes(row, bytes, 0, bytes.length)
    },
    finish(rows) {
      const data = makeData({
        type: type as never,
        length: rows,
        ...validity.take(rows),
        valueOffsets: offsets.slice(0, rows + 1),
        data: values.slice(0, offsets[rows]),
      }) as Data
      offsets[0] = 0
      return data
    },
  }
}

function longColumn(type: DataType): ColumnBuilder {
  const validity = createValidity()
  const convert = coercer(type)
  let halves = new Int32Array(2 * firstRows)
  const room = (row: number) => {
    if (2 * row + 2 > halves.length) halves = grown(halves, 2 * row + 2)
  }
  return {
    type,
    setLong(row, cursor) {
      cursor.long()
      room(row)
      halves[2 * row] = cursor.low
      halves[2 * row + 1] = cursor.high
      validity.set(row)
    },
    setNull(row) {
      room(row)
      halves[2 * row] = 0
      halves[2 * row + 1] = 0
      validity.clear(row)
    },
    setValue(row, value) {
      const cell = convert(value)
      if (cell === null) return this.setNull(row)
      const whole = BigInt(cell as bigint | number)
      room(row)
      halves[2 * row] = Number(BigInt.asIntN(32, whole))
      halves[2 * row + 1] = Number(BigInt.asIntN(32, whole >> 32n))
      validity.set(row)
    },
    finish(rows) {
      const used = halves.slice(0, 2 * rows)
      const data = new type.ArrayType(used.buffer, 0, rows)
      return makeData({ type: type as never, length: rows, ...validity.take(rows), data }) as Data
    },
  }
}

function numberColumn(type: DataType): ColumnBuilder {
  const validity = createValidity()
  const convert = coercer(type)
  const isSingle = type.ArrayType === Float32Array
  let values = new Float64Array(firstRows)
  const setNumber = (row: number, value: number) => {
    if (row >= values.length) values = grown(values, row + 1)
    values[row] = value
    validity.set(row)
  }
  return {
    type,
    setNumber,
    setNull: row => validity.clear(row),
    setValue(row, value) {
      const cell = convert(value)
      if (cell === null) return validity.clear(row)
      const number = Number(cell)
      // infinity is a value, and no stand-in for a large one
      if (isSingle && Number.isFinite(number) && !Number.isFinite(Math.fround(number)))
        throw new Misfit(`${number} does not fit ${nameOf(type)}`)
      setNumber(row, number)
    },
    finish(rows) {
      if (values.length < rows) values = grown(values, rows)
      const data = new type.ArrayType(rows)
      data.set(values.subarray(0, rows))
      return makeData({ type: type as never, length: rows, ...validity.take(rows), data }) as Data
    },
  }
}

function boolColumn(type: DataType): ColumnBuilder {
  const validity = createValidity()
  const truth = createValidity()
  const convert = coercer(type)
  const setNumber = (row: number, value: number) => {
    validity.set(row)
    if (value === 0) truth.clear(row)
    else truth.set(row)
  }
  return {
    type,
    setNumber,
    setNull(row) {
      validity.clear(row)
      truth.clear(row)
    },
    setValue(row, value) {
      const cell = convert(value)
      if (cell === null) this.setNull(row)
      else setNumber(row, cell === true ? 1 : 0)
    },
    finish(rows) {
      const { nullBitmap: data } = truth.take(rows)
      const allTrue = new Uint8Array((rows + 7) >> 3).fill(255)
      return makeData({ type: type as never, length: rows, ...validity.take(rows), data: data ?? allTrue }) as Data
    },
  }
}

/** Whatever has no way of its own: decimals, lists, structs. */
function cellColumn(type: DataType): ColumnBuilder {
  const convert = coercer(type)
  let cells: Cell[] = []
  return {
    type,
    setNull(row) {
      cells[row] = null
    },
    setValue(row, value) {
      cells[row] = convert(value)
    },
    finish(rows) {
      const data = dataOf(
        type,
        Array.from({ length: rows }, (_, row) => cells[row] ?? null),
      )
      cells = []
      return data
    },
  }
}
