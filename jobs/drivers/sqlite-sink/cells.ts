import { type Data, DataType, DateUnit, TimeUnit } from 'apache-arrow'
import { bit, textReader, validity } from '../../runtime/batch/cells.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'

/** What is bound to a statement. Whole doubles become integers in INTEGER columns; all else is stored as it is. */
export type Cell = null | number | bigint | string | Uint8Array

/** Reads a column as cells. `micros`: timestamps as microseconds since 1970, not as text. */
export function cellReader(data: Data, micros = false): (row: number) => Cell {
  const isValid = validity(data)
  const read = valueReader(data, micros)
  return row => (isValid(row) ? read(row) : null)
}

function valueReader(data: Data, micros: boolean): (row: number) => Cell {
  const { type, values, offset, valueOffsets } = data
  switch (kindOf(type)) {
    case 'boolean':
      return row => (bit(values, offset + row) ? 1 : 0)
    case 'integer':
      return DataType.isInt(type) && type.bitWidth === 64 ? wideReader(values) : row => values[row]
    case 'uint64':
      return row => (values[row] <= most64 ? values[row] : String(values[row]))
    case 'real':
      return row => values[row]
    case 'blob':
      return DataType.isFixedSizeBinary(type)
        ? row => bytes(values, row * type.byteWidth, (row + 1) * type.byteWidth)
        : row => bytes(values, Number(valueOffsets[row]), Number(valueOffsets[row + 1]))
    case 'timestamp':
      return DataType.isTimestamp(type) ? timestampReader(values, type.unit, micros) : textReader(data)
    case 'date':
      return dateReader(values, DataType.isDate(type) && type.unit === DateUnit.DAY ? 1n : 86_400_000n)
    case 'time':
      return DataType.isTime(type) ? timeReader(values, type.unit) : textReader(data)
    case 'text':
      return DataType.isUtf8(type) || DataType.isLargeUtf8(type) ? stringReader(data) : textReader(data)
    case 'decimal':
    case 'json':
      return textReader(data)
  }
}

const most64 = (1n << 63n) - 1n

/** A BigInt per value only where a double would not hold it. */
function wideReader(values: BigInt64Array): (row: number) => Cell {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2)
  return row => {
    const high = halves[2 * row + 1]!
    if (high >= 0x200000 || high < -0x1fffff) return values[row]!
    return high * 0x1_0000_0000 + (halves[2 * row]! >>> 0)
  }
}

/** A copy: a view of the batch would keep all of it alive. */
const bytes = (values: Uint8Array, from: number, to: number): Uint8Array => Buffer.from(values.subarray(from, to))

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Where all of the column is ASCII, one decode and slices of it: twice as fast as a decode per value. */
function stringReader({ values, valueOffsets, length }: Data): (row: number) => Cell {
  const from = Number(valueOffsets[0] ?? 0)
  const all = values.subarray(from, Number(valueOffsets[length] ?? 0))
  const text = all.length < longestText ? decoder.decode(all) : ''
  if (text.length === all.length)
    return row => text.slice(Number(valueOffsets[row]) - from, Number(valueOffsets[row + 1]) - from)
  const buffer = Buffer.from(values.buffer, values.byteOffset, values.length)
  return row => buffer.toString('utf8', Number(valueOffsets[row]), Number(valueOffsets[row + 1]))
}

const longestText = 64 * 1024 * 1024

const perSecond = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
}

function timestampReader(values: BigInt64Array, unit: TimeUnit, micros: boolean): (row: number) => Cell {
  const scale = perSecond[unit]
  if (micros) return row => (values[row]! * 1_000_000n) / scale
  const digits = unit === TimeUnit.NANOSECOND ? 9 : 6
  const perDay = scale * 86_400n
  let lastDay: bigint | undefined
  let date = ''
  return row => {
    const value = values[row]!
    const day = floorDivide(value, perDay)
    if (day !== lastDay) {
      lastDay = day
      date = isoDate(day)
    }
    return `${date} ${clock(value - day * perDay, scale, digits)}`
  }
}

function dateReader(values: Int32Array | BigInt64Array, perDay: bigint): (row: number) => Cell {
  return row => isoDate(floorDivide(BigInt(values[row]!), perDay))
}

function timeReader(values: Int32Array | BigInt64Array, unit: TimeUnit): (row: number) => Cell {
  const scale = perSecond[unit]
  const digits = unit === TimeUnit.NANOSECOND ? 9 : 6
  return row => clock(BigInt(values[row]!), scale, digits)
}

function floorDivide(a: bigint, b: bigint): bigint {
  return a >= 0n ? a / b : -((-a + b - 1n) / b)
}

const two = (part: number) => (part < 10 ? `0${part}` : String(part))

/** `HH:MM:SS.ffffff`, always with all digits, so that text sorts as time does. */
function clock(value: bigint, scale: bigint, digits: number): string {
  const whole = Number(value / scale)
  const fraction = String(value % scale).padStart(String(scale).length - 1, '0')
  const rest = scale === 1n ? '' : fraction
  const seconds = `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`
  return `${seconds}.${rest.padEnd(digits, '0')}`
}

/** Days since 1970; years outside 0 to 9999 with a sign and six digits, as JavaScript writes them. */
function isoDate(days: bigint): string {
  const ms = Number(days) * 86_400_000
  // 100 million days is the end of JavaScript's calendar: 400 years are 146,097 days
  if (Math.abs(ms) <= 8.64e15) return new Date(ms).toISOString().slice(0, -14)
  const cycles = floorDivide(days, 146_097n)
  const inside = new Date(Number(days - cycles * 146_097n) * 86_400_000)
  const year = BigInt(inside.getUTCFullYear()) + cycles * 400n
  return `${year < 0n ? '-' : '+'}${String(year < 0n ? -year : year).padStart(6, '0')}${inside.toISOString().slice(4, 10)}`
}
