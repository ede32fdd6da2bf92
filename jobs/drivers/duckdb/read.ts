import duckdb, { type LogicalType, type Vector } from '@duckdb/node-bindings'
import { type Data, type DataType, type List, type Map_, makeData, type Struct } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { createBytes } from './bytes.ts'
import { checkHuge, widenDecimals } from './decimals.ts'
import { readStrings } from './strings.ts'
import { arrowTypeOf, membersOf } from './types.ts'
import { createValidity, isSet, validityOf } from './validity.ts'

const { Type } = duckdb

/** Collects a column from the vectors of chunk after chunk. */
export interface ColumnReader {
  /** Copies `rows` values from row `from` on; the chunk is not needed afterwards. */
  read(vector: Vector, from: number, rows: number): void
  /** all that was read */
  finish(): Data
  /** bytes collected */
  readonly size: number
}

/**
 * A reader for columns of this type, which is one that `isReadable`. `name` is the column's, for errors; `expected`
 * bytes are made room for at once, of a plain column.
 */
export function columnReader(type: LogicalType, name: string, expected?: number): ColumnReader {
  // a little more than the last time is usual, and growing is a copy
  const room = expected === undefined ? undefined : Math.max(1024, Math.ceil(expected * 1.05))
  const id = duckdb.get_type_id(type)
  const arrow = arrowTypeOf(type)
  if (id === Type.LIST) return listReader(arrow as List, columnReader(duckdb.list_type_child_type(type), `${name}[]`))
  if (id === Type.MAP) return mapReader(type, arrow as Map_, name)
  if (id === Type.STRUCT)
    return structReader(
      arrow as Struct,
      membersOf(type).map(([member, inner]) => columnReader(inner, `${name}.${member}`)),
    )
  if (id === Type.VARCHAR || id === Type.BLOB) return stringReader(arrow, name, room)
  if (id === Type.BOOLEAN) return fixedReader(arrow, 1, packBytes, room)
  if (id === Type.HUGEINT || id === Type.UHUGEINT)
    return fixedReader(arrow, 16, (bytes, bitmap) => checkHuge(bytes, bitmap, id === Type.HUGEINT, name))
  if (id === Type.DECIMAL) {
    const width = decimalWidths[duckdb.decimal_internal_type(type)]!
    return fixedReader(arrow, width, bytes => widenDecimals(bytes, width))
  }
  return fixedReader(arrow, arrow.ArrayType.BYTES_PER_ELEMENT, undefined, room)
}

const decimalWidths: Readonly<Record<number, number>> = {
  [Type.SMALLINT]: 2,
  [Type.INTEGER]: 4,
  [Type.BIGINT]: 8,
  [Type.HUGEINT]: 16,
}

type Convert = (bytes: Uint8Array<ArrayBuffer>, nullBitmap: Uint8Array | undefined) => Uint8Array<ArrayBuffer>

/** Values of one width: copied as they lie, and converted at the end. */
function fixedReader(type: DataType, width: number, convert: Convert = bytes => bytes, room?: number): ColumnReader {
  const validity = createValidity()
  const bytes = createBytes(room)
  return {
    read(vector, from, rows) {
      validity.add(validityOf(vector, from + rows), from, rows)
      bytes.add(duckdb.vector_get_data(vector, (from + rows) * width).subarray(from * width))
    },
    finish() {
      const { nullBitmap, ...rows } = validity.finish()
      const values = convert(bytes.finish(), nullBitmap)
      const { ArrayType } = type
      const data = new ArrayType(values.buffer, values.byteOffset, values.byteLength / ArrayType.BYTES_PER_ELEMENT)
      return makeData({ type, ...rows, nullBitmap, data } as never)
    },
    get size() {
      return bytes.size
    },
  }
}

function packBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array((bytes.length + 7) >> 3)
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === 1) bits[at >> 3]! |= 1 << (at & 7)
  return bits
}

/** Ends of values, as Arrow wants them: one more than values, from 0 on. */
function createOffsets(name: string) {
  let offsets = new Int32Array(2049)
  let count = 0
  return {
    add(length: number) {
      if (count + 1 >= offsets.length) {
        const larger = new Int32Array(offsets.length * 2)
        larger.set(offsets)
        offsets = larger
      }
      const end = offsets[count]! + length
      if (end > 0x7fffffff) throw new PipelineError('bad_data', `column ${name} has more than 2 GiB in one batch`)
      offsets[++count] = end
    },
    finish: () => offsets.subarray(0, count + 1),
  }
}

function stringReader(type: DataType, name: string, room?: number): ColumnReader {
  const validity = createValidity()
  const bytes = createBytes(room)
  const offsets = createOffsets(name)
  const target = { length: offsets.add, inline: bytes.addSmall, bytes: bytes.add }
  return {
    read(vector, from, rows) {
      const valid = validityOf(vector, from + rows)
      validity.add(valid, from, rows)
      readStrings(vector, from, rows, valid, target)
    },
    finish: () =>
      makeData({ type, ...validity.finish(), valueOffsets: offsets.finish(), data: bytes.finish() } as never),
    get size() {
      return bytes.size
    },
  }
}

/** Reads the lists of rows into `child`; entries are (u64 offset, u64 length) into the child vector. */
function createLists(child: ColumnReader, name: string) {
  const validity = createValidity()
  const offsets = createOffsets(name)
  return {
    read(vector: Vector, from: number, rows: number) {
      const valid = validityOf(vector, from + rows)
      validity.add(valid, from, rows)
      const data = duckdb.vector_get_data(vector, (from + rows) * 16)
      const entries = new BigUint64Array(data.buffer, data.byteOffset, (from + rows) * 2)
      const children = duckdb.list_vector_get_child(vector)
      let start = 0
      let end = 0
      for (let row = from; row < from + rows; row++) {
        const length = valid === undefined || isSet(valid, row) ? Number(entries[row * 2 + 1]) : 0
        offsets.add(length)
        if (length === 0) continue
        const offset = Number(entries[row * 2])
        if (offset !== end) {
          if (end > start) child.read(children, start, end - start)
          start = offset
        }
        end = offset + length
      }
      if (end > start) child.read(children, start, end - start)
    },
    finish: () => ({ ...validity.finish(), valueOffsets: offsets.finish(), child: child.finish() }),
  }
}

function listReader(type: List, child: ColumnReader): ColumnReader {
  const lists = createLists(child, 'of lists')
  return {
    read: lists.read,
    finish: () => makeData({ type, ...lists.finish() }),
    get size() {
      return child.size
    },
  }
}

function mapReader(logical: LogicalType, type: Map_, name: string): ColumnReader {
  const key = columnReader(duckdb.map_type_key_type(logical), `${name}.key`)
  const value = columnReader(duckdb.map_type_value_type(logical), `${name}.value`)
  const entries = structReader(type.children[0]!.type as unknown as Struct, [key, value])
  const lists = createLists(entries, name)
  return {
    read: lists.read,
    finish: () => makeData({ type, ...lists.finish() } as never),
    get size() {
      return entries.size
    },
  }
}

function structReader(type: Struct, children: readonly ColumnReader[]): ColumnReader {
  const validity = createValidity()
  return {
    read(vector, from, rows) {
      validity.add(validityOf(vector, from + rows), from, rows)
      for (const [index, child] of children.entries())
        child.read(duckdb.struct_vector_get_child(vector, index), from, rows)
    },
    finish: () => makeData({ type, ...validity.finish(), children: children.map(child => child.finish()) }),
    get size() {
      return children.reduce((sum, child) => sum + child.size, 0)
    },
  }
}
