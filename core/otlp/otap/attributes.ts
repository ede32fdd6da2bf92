import type { Writer } from '../wire/writer.ts'
import { type Column, end, high, low, number, same, slot, start } from './arrow/column.ts'
import { groupByParent, readParents, samenessOf } from './ids.ts'
import { keyValue } from './otlp.ts'
import type { Table } from './table.ts'
import { activeColumn, valueColumns, valueType, writeValue } from './values.ts'

/** Writes the attributes of one parent, each as a KeyValue of this field. */
export type WriteAttributes = (writer: Writer, field: number, parent: number) => void

/**
 * The attributes of a table by their parent. Rows whose parent is not there belong to no record, and are left out: who
 * filters records may leave them behind.
 */
export function readAttributes(table: Table | null): WriteAttributes {
  if (table === null) return () => {}
  const key = table.required('key', 'utf8')
  const columns = valueColumns(table, '')
  const parentId = table.required('parent_id', 'uint16', 'uint32')
  const rule = samenessOf(parentId)
  const keys = { nulls: true, numeric: false }

  const parents = readParents(parentId, (row, before) => {
    const type = number(columns.type, row)
    if (type === valueType.empty || type === valueType.map || type === valueType.slice) return false
    if (type !== number(columns.type, before) || !same(key, row, before, keys)) return false
    return same(activeColumn(columns, type), row, before, rule)
  })
  const children = groupByParent(parents)

  return (writer, field, parent) => {
    for (let row = children.first(parent); row >= 0; row = children.next[row]!) {
      const pair = writer.open(field, valueWidth(activeColumn(columns, number(columns.type, row)), row))
      writeText(writer, keyValue.key, key, row)
      const value = writer.open(keyValue.value, 1)
      writeValue(writer, columns, row)
      writer.close(value)
      writer.close(pair)
    }
  }
}

/** A first guess at the length of an attribute, so that it is seldom moved. */
function valueWidth(column: Column | null, row: number): 1 | 2 {
  const at = slot(column, row)
  return at >= 0 && end(column!, at) - start(column!, at) > 80 ? 2 : 1
}

/** A text, or bytes; empty ones are left out. */
export function writeText(writer: Writer, field: number, column: Column | null, row: number): void {
  const at = slot(column, row)
  if (at < 0) return
  const from = start(column!, at)
  const to = end(column!, at)
  if (to > from) writer.bytesField(field, column!.values.data, from, to)
}

/** A number of up to 32 bits; 0 is left out. */
export function writeNumber(writer: Writer, field: number, column: Column | null, row: number): void {
  const value = number(column, row)
  if (value > 0) writer.varint(field, value)
  // the sign of an int32 fills 64 bits
  else if (value < 0) writer.varint64(field, value >>> 0, 0xffffffff)
}

/** A double, a time or a count as eight bytes; null is left out. */
export function write64(writer: Writer, field: number, column: Column | null, row: number): void {
  const at = slot(column, row)
  if (at >= 0) writer.fixed64(field, low(column!, at), high(column!, at))
}
