import type { Writer } from '../wire/writer.ts'
import { boolean, type Column, end, high, low, number, slot, start } from './arrow/column.ts'
import { writeCbor } from './cbor.ts'
import { anyValue } from './otlp.ts'
import type { Table } from './table.ts'

/** The columns of an AnyValue: in a table of attributes, and in the body of a log (OTAP specification 5.5.1). */
export interface ValueColumns {
  type: Column
  str: Column | null
  int: Column | null
  double: Column | null
  bool: Column | null
  bytes: Column | null
  ser: Column | null
}

/** Numbers of the column `type`. */
export const valueType = { empty: 0, str: 1, int: 2, double: 3, bool: 4, map: 5, slice: 6, bytes: 7 }

export function valueColumns(table: Table, prefix: '' | 'body.'): ValueColumns {
  return {
    type: table.required(`${prefix}type`, 'uint8'),
    str: table.column(`${prefix}str`, 'utf8'),
    int: table.column(`${prefix}int`, 'int64'),
    double: table.column(`${prefix}double`, 'float64'),
    bool: table.column(`${prefix}bool`, 'bool'),
    bytes: table.column(`${prefix}bytes`, 'binary'),
    ser: table.column(`${prefix}ser`, 'binary'),
  }
}

/** The column that holds the value of a row of this type; null for an empty one. */
export function activeColumn(columns: ValueColumns, type: number): Column | null {
  switch (type) {
    case valueType.empty:
      return null
    case valueType.str:
      return columns.str
    case valueType.int:
      return columns.int
    case valueType.double:
      return columns.double
    case valueType.bool:
      return columns.bool
    case valueType.bytes:
      return columns.bytes
    case valueType.map:
    case valueType.slice:
      return columns.ser
    default:
      throw new RangeError(`column type is ${type}, which is no type of a value`)
  }
}

/** Writes the fields of an AnyValue. A type without its value is "", 0 or false: producers may leave those out. */
export function writeValue(writer: Writer, columns: ValueColumns, row: number): void {
  const type = number(columns.type, row)
  const column = activeColumn(columns, type)
  const at = slot(column, row)
  switch (type) {
    case valueType.empty:
      return
    case valueType.str:
    case valueType.bytes: {
      const field = type === valueType.str ? anyValue.string : anyValue.bytes
      if (at < 0) writer.bytesField(field, empty, 0, 0)
      else writer.bytesField(field, column!.values.data, start(column!, at), end(column!, at))
      return
    }
    case valueType.int:
      if (at < 0) writer.varint64(anyValue.int, 0, 0)
      else writer.varint64(anyValue.int, low(column!, at), high(column!, at))
      return
    case valueType.double:
      if (at < 0) writer.double(anyValue.double, 0)
      else writer.fixed64(anyValue.double, low(column!, at), high(column!, at))
      return
    case valueType.bool:
      writer.varint(anyValue.bool, boolean(column, row) ? 1 : 0)
      return
    default:
      // an array or map without its bytes is empty, as the specification has it
      if (at >= 0) writeCbor(writer, column!.values.data, start(column!, at), end(column!, at))
  }
}

const empty = new Uint8Array(0)
