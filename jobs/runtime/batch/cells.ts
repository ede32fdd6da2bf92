import { type Data, DataType, type RecordBatch, TimeUnit } from 'apache-arrow'
import type { Json } from '../contract.ts'

/**
 * Cells of Arrow columns as JSON, read from the buffers: Arrow's own getters round times to milliseconds and make
 * an object per decimal. Two forms: `Json` values, where a number that a double cannot hold is decimal text, and JSON
 * text, where every number is exact.
 */

export interface Column {
  name: string
  data: Data
}

/** The columns of a batch, in order. */
export function columnsOf(batch: RecordBatch): Column[] {
  return batch.schema.fields.map((field, at) => ({ name: field.name, data: batch.data.children[at]! }))
}

export const bit = (bytes: Uint8Array, at: number): boolean => ((bytes[at >> 3]! >> (at & 7)) & 1) === 1

/** Whether a row of the column is not null. */
export function validity(data: Data): (row: number) => boolean {
  const { nullBitmap, offset } = data
  if (DataType.isNull(data.type)) return () => false
  if (data.nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0) return () => true
  return row => bit(nullBitmap, offset + row)
}

/** What a reader gives: JSON, but for integers and decimals that are not exact as doubles: those are bigint or text. */
type Exact = Json | bigint | Digits

/** The digits of a decimal, which JSON text writes as a number. */
class Digits {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function reader(data: Data): (row: number) => Exact {
  const isValid = validity(data)
  const read = valueReader(data)
  return row => (isValid(row) ? read(row) : null)
}

function valueReader(data: Data): (row: number) => Exact {
  const { type, values, valueOffsets, offset } = data
  if (DataType.isNull(type)) return () => null
  if (DataType.isBool(type)) return row => bit(values, offset + row)
  if (DataType.isInt(type) || DataType.isFloat(type)) {
    if (DataType.isFloat(type) && values instanceof Uint16Array) throw new Error('float16 columns are not supported')
    return row => values[row] as number | bigint
  }
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type))
    return row => utf8.decode(values.subarray(Number(valueOffsets[row]), Number(valueOffsets[row + 1])))
  if (DataType.isBinary(type) || DataType.isLargeBinary(type))
    return row => base64(values.subarray(Number(valueOffsets[row]), Number(valueOffsets[row + 1])))
  if (DataType.isFixedSizeBinary(type))
    return row => base64(values.subarray(row * type.byteWidth, (row + 1) * type.byteWidth))
  if (DataType.isDate(type))
    return values instanceof Int32Array
      ? row => isoDate(BigInt(values[row]!))
      : row => isoDate(floorDivide(BigInt(values[row]), 86_400_000n))
  if (DataType.isTime(type)) return row => isoTime(BigInt(values[row]), perSecond[type.unit]!)
  if (DataType.isTimestamp(type)) {
    const zone = type.timezone == null ? '' : 'Z'
    return row => isoTimestamp(values[row] as bigint, perSecond[type.unit]!, zone)
  }
  if (DataType.isDecimal(type)) {
    const words = type.bitWidth / 32
    return row => new Digits(decimalText(values, row * words, words, type.scale))
  }
  return nestedReader(data)
}

function nestedReader(data: Data): (row: number) => Exact {
  const { type, children, valueOffsets } = data
  if (DataType.isList(type)) {
    const item = reader(children[0]!)
    return row => range(valueOffsets[row]!, valueOffsets[row + 1]!).map(item) as Json[]
  }
  if (DataType.isFixedSizeList(type)) {
    const item = reader(children[0]!)
    return row => range(row * type.listSize, (row + 1) * type.listSize).map(item) as Json[]
  }
  if (DataType.isStruct(type)) {
    const fields = type.children.map((field, at) => ({ name: field.name, read: reader(children[at]!) }))
    return row => objectOf(fields.map(({ name, read }) => [name, read(row)]))
  }
  if (DataType.isMap(type)) {
    const [keys, values] = children[0]!.children as [Data, Data]
    const [key, value] = [reader(keys), reader(values)]
    return row =>
      objectOf(range(valueOffsets[row]!, valueOffsets[row + 1]!).map(at => [String(plainText(key(at))), value(at)]))
  }
  throw new Error(`columns of type ${type} are not supported`)
}

/** Own properties only, whatever a column is called. */
function objectOf(entries: readonly (readonly [string, Exact])[]): Exact {
  return Object.fromEntries(entries) as { [key: string]: Json }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)
const plainText = (value: Exact): unknown => (value instanceof Digits ? value.text : value)

/** Reads a column as JSON values. */
export function jsonReader(data: Data): (row: number) => Json {
  const read = reader(data)
  return row => toJson(read(row))
}

/** Reads a column as JSON text. */
export function textReader(data: Data): (row: number) => string {
  const read = reader(data)
  return row => toText(read(row))
}

function toJson(value: Exact): Json {
  if (typeof value === 'bigint') return asSafe(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value instanceof Digits) {
    const number = Number(value.text)
    return String(number) === value.text ? number : value.text
  }
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(toJson)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]))
}

function toText(value: Exact): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`
  if (value instanceof Digits) return value.text
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(toText).join(',')}]`
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${toText(inner)}`)
    .join(',')}}`
}

function asSafe(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')

const perSecond: Readonly<Record<number, bigint>> = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
}

function floorDivide(a: bigint, b: bigint): bigint {
  return a >= 0n ? a / b : -((-a + b - 1n) / b)
}

/** Days since 1970 as YYYY-MM-DD; years outside 0 to 9999 as JavaScript writes them, or as days where it cannot. */
function isoDate(days: bigint): string {
  const ms = Number(days) * 86_400_000
  if (Math.abs(ms) > 8.64e15) return `${days} days`
  return new Date(ms).toISOString().slice(0, -14)
}

function isoTime(value: bigint, scale: bigint): string {
  const seconds = Number(value / scale)
  const two = (part: number) => String(part).padStart(2, '0')
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return clock + fraction(value % scale, scale)
}

function isoTimestamp(value: bigint, scale: bigint, zone: string): string {
  const seconds = floorDivide(value, scale)
  const ms = Number(seconds) * 1000
  if (Math.abs(ms) > 8.64e15) return String(value)
  return new Date(ms).toISOString().slice(0, -5) + fraction(value - seconds * scale, scale) + zone
}

/** `.5`, without zeros at the end; nothing for none. */
function fraction(rest: bigint, scale: bigint): string {
  if (rest === 0n) return ''
  const digits = String(rest).padStart(String(scale).length - 1, '0')
  return `.${digits.replace(/0+$/, '')}`
}

/** Two's complement of `words` 32-bit words, little-endian, with `scale` digits after the point. */
export function decimalText(values: Uint32Array, at: number, words: number, scale: number): string {
  let value = 0n
  for (let word = words - 1; word >= 0; word--) value = (value << 32n) | BigInt(values[at + word]!)
  value = BigInt.asIntN(words * 32, value)
  const sign = value < 0n ? '-' : ''
  const digits = String(value < 0n ? -value : value)
  if (scale <= 0) return sign + digits + '0'.repeat(value === 0n ? 0 : -scale)
  const padded = digits.padStart(scale + 1, '0')
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
}
