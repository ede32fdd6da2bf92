import { type Data, DataType as Is, makeData, type RecordBatch } from 'apache-arrow'
import { batchOf } from './build.ts'
import { bit, columnsOf, textReader, validity } from './cells.ts'
import { OP } from './types.ts'

export type Op = 'i' | 'u' | 'd'

/** What became of each row: `_gs_op`, and inserts where there is no such column or value. */
export function opsOf(batch: RecordBatch): Op[] {
  const column = columnsOf(batch).find(({ name }) => name === OP)
  const ops = new Array<Op>(batch.numRows).fill('i')
  if (column === undefined || !Is.isUtf8(column.data.type)) return ops
  const isValid = validity(column.data)
  const { values, valueOffsets } = column.data as Data<typeof column.data.type>
  for (let row = 0; row < ops.length; row++) {
    if (!isValid(row)) continue
    const first = values[valueOffsets[row]!]
    if (first === 0x75) ops[row] = 'u'
    else if (first === 0x64) ops[row] = 'd'
  }
  return ops
}

/** The rows at `indices`, in that order. */
export function take(batch: RecordBatch, indices: Int32Array | readonly number[]): RecordBatch {
  const rows = indices instanceof Int32Array ? indices : Int32Array.from(indices)
  return batchOf(
    batch.schema,
    batch.data.children.map(data => gather(data, rows)),
    rows.length,
  )
}

/** All rows of batches of one schema, as one batch. */
export function concat(batches: readonly RecordBatch[]): RecordBatch {
  const [first, ...rest] = batches
  if (first === undefined) throw new Error('no batch to join')
  if (rest.length === 0) return first
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0)
  const columns = first.schema.fields.map((_, at) => join(batches.map(batch => batch.data.children[at]!)))
  return batchOf(first.schema, columns, rows)
}

/** The last row of each key, in the order of those; the batch itself where no key comes twice. */
export function latestPerKey(batch: RecordBatch, primaryKey: readonly string[]): RecordBatch {
  if (primaryKey.length === 0) return batch
  const key = keyReader(batch, primaryKey)
  const last = new Map<string, number>()
  for (let row = 0; row < batch.numRows; row++) {
    const text = key(row)
    // deleted first, so that a key stands where it came last
    last.delete(text)
    last.set(text, row)
  }
  return last.size === batch.numRows ? batch : take(batch, [...last.values()])
}

/** The key of a row as text that no other key has. */
export function keyReader(batch: RecordBatch, primaryKey: readonly string[]): (row: number) => string {
  const columns = columnsOf(batch)
  const parts = primaryKey.map(name => {
    const column = columns.find(candidate => candidate.name === name)
    if (column === undefined) throw new Error(`there is no column ${JSON.stringify(name)}`)
    const read = textReader(column.data)
    const isValid = validity(column.data)
    return (row: number) => (isValid(row) ? read(row) : 'null')
  })
  return parts.length === 1 ? parts[0]! : row => parts.map(part => part(row)).join(',')
}

/** Bytes of the values, offsets and bitmaps that the rows of the batch use. */
export function byteLength(batch: RecordBatch): number {
  return batch.data.children.reduce((sum, data) => sum + bytesOf(data), 0)
}

function bytesOf(data: Data): number {
  const bitmap = data.nullCount > 0 ? data.length >> 3 : 0
  const { valueOffsets, length } = data
  let own = 0
  if (valueOffsets !== undefined && length > 0) own = length * 4
  if (data.values !== undefined && !Is.isBool(data.type))
    own +=
      valueOffsets === undefined
        ? length * data.stride * data.values.BYTES_PER_ELEMENT
        : Number(valueOffsets[length]) - Number(valueOffsets[0])
  return bitmap + own + data.children.reduce((sum, child) => sum + bytesOf(child), 0)
}

/** Null rows become -1 in what the children take. */
function gather(data: Data, rows: Int32Array): Data {
  const { type } = data
  const length = rows.length
  const isValid = validity(data)
  const nulls = gatherNulls(isValid, rows)
  const base = { type, length, ...nulls }
  const make = (rest: object) => makeData({ ...base, ...rest } as Parameters<typeof makeData>[0])
  if (Is.isNull(type)) return makeData({ type, length })
  if (Is.isBool(type)) {
    const values = new Uint8Array((length + 7) >> 3)
    for (let at = 0; at < length; at++)
      if (rows[at]! >= 0 && bit(data.values, data.offset + rows[at]!)) values[at >> 3]! |= 1 << (at & 7)
    return make({ data: values })
  }
  if (Is.isStruct(type)) return make({ children: data.children.map(child => gather(child, rows)) })
  if (Is.isList(type) || Is.isMap(type)) {
    const { offsets, inner } = expand(data, rows, isValid)
    return make({ valueOffsets: offsets, child: gather(data.children[0]!, inner) })
  }
  if (Is.isFixedSizeList(type)) {
    const inner = new Int32Array(length * type.listSize)
    for (let at = 0; at < inner.length; at++) {
      const row = rows[Math.floor(at / type.listSize)]!
      inner[at] = row < 0 ? -1 : row * type.listSize + (at % type.listSize)
    }
    return make({ child: gather(data.children[0]!, inner) })
  }
  if (data.valueOffsets !== undefined && data.valueOffsets.length > 0) return make(gatherBytes(data, rows, isValid))
  return make({ data: gatherFixed(data, rows) })
}

function gatherNulls(
  isValid: (row: number) => boolean,
  rows: Int32Array,
): { nullCount: number; nullBitmap?: Uint8Array } {
  let nullCount = 0
  const nullBitmap = new Uint8Array((rows.length + 7) >> 3)
  for (let at = 0; at < rows.length; at++) {
    if (rows[at]! >= 0 && isValid(rows[at]!)) nullBitmap[at >> 3]! |= 1 << (at & 7)
    else nullCount++
  }
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap }
}

function expand(
  data: Data,
  rows: Int32Array,
  isValid: (row: number) => boolean,
): { offsets: Int32Array; inner: Int32Array } {
  const offsets = new Int32Array(rows.length + 1)
  const inner: number[] = []
  rows.forEach((row, at) => {
    if (row >= 0 && isValid(row))
      for (let from = data.valueOffsets[row]!; from < data.valueOffsets[row + 1]!; from++) inner.push(Number(from))
    offsets[at + 1] = inner.length
  })
  return { offsets, inner: Int32Array.from(inner) }
}

function gatherBytes(
  data: Data,
  rows: Int32Array,
  isValid: (row: number) => boolean,
): { valueOffsets: Int32Array; data: Uint8Array } {
  const offsets = new Int32Array(rows.length + 1)
  const from = data.valueOffsets
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!
    const bytes = row >= 0 && isValid(row) ? Number(from[row + 1]) - Number(from[row]) : 0
    offsets[at + 1] = offsets[at]! + bytes
  }
  const values = new Uint8Array(offsets[rows.length]!)
  for (let at = 0; at < rows.length; at++) {
    if (offsets[at] === offsets[at + 1]) continue
    const start = Number(from[rows[at]!])
    values.set(data.values.subarray(start, start + offsets[at + 1]! - offsets[at]!), offsets[at])
  }
  return { valueOffsets: offsets, data: values }
}

function gatherFixed(data: Data, rows: Int32Array): ArrayBufferView {
  const { stride } = data
  const source = data.values as Float64Array
  const values = new (source.constructor as Float64ArrayConstructor)(rows.length * stride)
  if (stride === 1) {
    for (let at = 0; at < rows.length; at++) if (rows[at]! >= 0) values[at] = source[rows[at]!]!
    return values
  }
  for (let at = 0; at < rows.length; at++)
    if (rows[at]! >= 0) values.set(source.subarray(rows[at]! * stride, (rows[at]! + 1) * stride), at * stride)
  return values
}

/** Columns of one type after one another. */
function join(parts: readonly Data[]): Data {
  const total = parts.reduce((sum, part) => sum + part.length, 0)
  const gathered = parts.map(part =>
    gather(
      part,
      Int32Array.from({ length: part.length }, (_, row) => row),
    ),
  )
  const first = gathered[0]!
  const { type } = first
  const nullCount = gathered.reduce((sum, part) => sum + part.nullCount, 0)
  const base = { type, length: total, nullCount, ...(nullCount > 0 && { nullBitmap: joinNulls(gathered, total) }) }
  const make = (rest: object) => makeData({ ...base, ...rest } as Parameters<typeof makeData>[0])
  if (Is.isNull(type)) return makeData({ type, length: total })
  if (Is.isBool(type)) return make({ data: joinBits(gathered, total, part => part.values) })
  const children = first.children.map((_, at) => join(gathered.map(part => part.children[at]!)))
  if (Is.isStruct(type)) return make({ children })
  if (Is.isFixedSizeList(type)) return make({ child: children[0] })
  if (first.valueOffsets !== undefined && first.valueOffsets.length > 0) {
    const valueOffsets = joinOffsets(gathered, total)
    return children.length > 0
      ? make({ valueOffsets, child: children[0] })
      : make({ valueOffsets, data: joinValues(gathered) })
  }
  return make({ data: joinValues(gathered) })
}

function joinValues(parts: readonly Data[]): ArrayBufferView {
  const arrays = parts.map(part => part.values as Float64Array)
  const values = new (arrays[0]!.constructor as Float64ArrayConstructor)(
    arrays.reduce((sum, array) => sum + array.length, 0),
  )
  let at = 0
  for (const array of arrays) {
    values.set(array, at)
    at += array.length
  }
  return values
}

function joinOffsets(parts: readonly Data[], total: number): Int32Array {
  const offsets = new Int32Array(total + 1)
  let at = 0
  for (const { valueOffsets, length } of parts) {
    const base = offsets[at]!
    for (let row = 1; row <= length; row++) offsets[at + row] = base + Number(valueOffsets[row])
    at += length
  }
  return offsets
}

function joinNulls(parts: readonly Data[], total: number): Uint8Array {
  const joined = new Uint8Array((total + 7) >> 3)
  let at = 0
  for (const part of parts) {
    const isValid = validity(part)
    for (let row = 0; row < part.length; row++, at++) if (isValid(row)) joined[at >> 3]! |= 1 << (at & 7)
  }
  return joined
}

function joinBits(parts: readonly Data[], total: number, bits: (part: Data) => Uint8Array): Uint8Array {
  const joined = new Uint8Array((total + 7) >> 3)
  let at = 0
  for (const part of parts)
    for (let row = 0; row < part.length; row++, at++)
      if (bit(bits(part), part.offset + row)) joined[at >> 3]! |= 1 << (at & 7)
  return joined
}
