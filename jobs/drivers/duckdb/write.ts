import duckdb, { type Vector } from '@duckdb/node-bindings'
import { type Data, DataType, DateUnit, type Field, Precision, TimeUnit } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { narrowDecimals, plain, scaled, toFloats, widenBits } from './convert.ts'
import { writeStrings } from './strings.ts'
import { bitsFrom, both } from './validity.ts'

/** `rows` values of a column from row `start` on; `under` tells which of them have a parent that is not null. */
interface Slice {
  data: Data
  start: number
  rows: number
  under?: Uint8Array | undefined
}

/**
 * Copies values into a vector of the type that `sqlTypeOf` names, whole columns at a time. The vector has room for
 * them. `name` is the column's, for errors.
 */
export function writeColumn(vector: Vector, slice: Slice, name: string): void {
  const { type } = slice.data
  if (DataType.isDictionary(type)) {
    writeColumn(vector, { ...slice, data: plain(slice.data, type) }, name)
    return
  }
  const valid = both(ownValidity(slice), slice.under)
  if (valid !== undefined) {
    duckdb.vector_ensure_validity_writable(vector)
    duckdb.copy_data_to_vector_validity(vector, 0, memory(valid), valid.byteOffset, valid.byteLength)
  }
  if (slice.rows === 0 || DataType.isNull(type)) return
  if (DataType.isStruct(type)) {
    for (const [index, field] of type.children.entries())
      writeColumn(
        duckdb.struct_vector_get_child(vector, index),
        { ...slice, data: slice.data.children[index]!, under: valid },
        `${name}.${(field as Field).name}`,
      )
  } else if (isLists(type)) writeLists(vector, slice, valid, name)
  else if (isTexts(type)) writeTexts(vector, slice, name)
  else copy(vector, valuesOf(slice))
}

function ownValidity({ data, start, rows }: Slice): Uint8Array | undefined {
  if (DataType.isNull(data.type)) return new Uint8Array((rows + 7) >> 3)
  if (data.nullCount === 0 || data.nullBitmap === undefined || data.nullBitmap.length === 0) return undefined
  return bitsFrom(data.nullBitmap, data.offset + start, rows)
}

/** Values of one width, in DuckDB's layout. */
function valuesOf({ data, start, rows }: Slice): ArrayBufferView {
  const { type } = data
  const end = start + rows
  if (DataType.isBool(type)) return widenBits(data.values, data.offset + start, rows)
  if (DataType.isDecimal(type)) return narrowDecimals(data.values.subarray(start * 4, end * 4), type.precision)
  const values = data.values.subarray(start, end)
  if (DataType.isFloat(type) && type.precision === Precision.HALF) return toFloats(values)
  if (DataType.isTime(type) && type.unit === TimeUnit.SECOND) return scaled(values, 1_000_000n)
  if (DataType.isTime(type) && type.unit === TimeUnit.MILLISECOND) return scaled(values, 1_000n)
  if (DataType.isTimestamp(type) && type.timezone) {
    if (type.unit === TimeUnit.SECOND) return scaled(values, 1_000_000n)
    if (type.unit === TimeUnit.MILLISECOND) return scaled(values, 1_000n)
    if (type.unit === TimeUnit.NANOSECOND) return scaled(values, 1n, 1_000n)
  }
  if (DataType.isDate(type) && type.unit === DateUnit.MILLISECOND) return scaled(values, 1n)
  return values
}

function copy(vector: Vector, values: ArrayBufferView): void {
  duckdb.copy_data_to_vector(vector, 0, memory(values), values.byteOffset, values.byteLength)
}

// Memory that threads share is never handed to us, and DuckDB's binding takes none
const memory = (values: ArrayBufferView) => values.buffer as ArrayBuffer

const isTexts = (type: DataType) =>
  DataType.isUtf8(type) ||
  DataType.isLargeUtf8(type) ||
  DataType.isBinary(type) ||
  DataType.isLargeBinary(type) ||
  DataType.isFixedSizeBinary(type)

function writeTexts(vector: Vector, { data, start, rows }: Slice, name: string): void {
  const { type } = data
  const offsets = DataType.isFixedSizeBinary(type)
    ? Uint32Array.from({ length: rows + 1 }, (_, row) => (start + row) * type.byteWidth)
    : numbers(data.valueOffsets.subarray(start, start + rows + 1))
  const text = DataType.isUtf8(type) || DataType.isLargeUtf8(type)
  if (!writeStrings(vector, { text, bytes: data.values, offsets, rows }))
    throw new PipelineError('bad_data', `column ${JSON.stringify(name)} has text that is not UTF-8`)
}

const isLists = (type: DataType) =>
  DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type) || DataType.isMap(type)

/** Entries are (u64 offset, u64 length) into the child vector, which takes the values of all rows. */
function writeLists(vector: Vector, slice: Slice, valid: Uint8Array | undefined, name: string): void {
  const { data, start, rows } = slice
  const { type } = data
  const offsets = DataType.isFixedSizeList(type)
    ? Int32Array.from({ length: rows + 1 }, (_, row) => (start + row) * type.listSize)
    : numbers(data.valueOffsets.subarray(start, start + rows + 1))
  const first = offsets[0]!
  const size = offsets[rows]! - first
  const entries = new BigUint64Array(rows * 2)
  for (let row = 0; row < rows; row++) {
    // A null keeps its place among the values, which may be none
    entries[row * 2] = BigInt(offsets[row]! - first)
    if (valid === undefined || (valid[row >> 3]! & (1 << (row & 7))) !== 0)
      entries[row * 2 + 1] = BigInt(offsets[row + 1]! - offsets[row]!)
  }
  copy(vector, entries)
  duckdb.list_vector_reserve(vector, size)
  duckdb.list_vector_set_size(vector, size)
  writeColumn(duckdb.list_vector_get_child(vector), { data: data.children[0]!, start: first, rows: size }, `${name}[]`)
}

function numbers(offsets: Int32Array | BigInt64Array): ArrayLike<number> {
  return offsets instanceof Int32Array ? offsets : Float64Array.from(offsets, Number)
}
