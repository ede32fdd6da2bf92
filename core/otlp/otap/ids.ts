import { type Column, number, type Sameness, same, slot } from './arrow/column.ts'
import type { Table } from './table.ts'

/**
 * Ids of a table, -1 for null. They come as differences to the one before unless the column says that they are plain
 * (OTAP specification 6.4.2); nulls are not part of the sum.
 */
export function readIds(column: Column): Float64Array {
  const ids = new Float64Array(column.length)
  const plain = column.field.encoding === 'plain'
  const bits = bitsOf(column)
  let id = 0
  for (let row = 0; row < ids.length; row++) {
    if (slot(column, row) < 0) {
      ids[row] = -1
      continue
    }
    const value = number(column, row)
    id = plain ? value : wrapped(id + value, bits)
    ids[row] = id
  }
  return ids
}

/**
 * The parent of each row. Where a row is the `same` as the one before, the parent comes as the difference to that one's
 * (6.4.3, quasi-delta); unless the column says that they are plain.
 */
export function readParents(column: Column, isSame: (row: number, before: number) => boolean): Float64Array {
  const parents = new Float64Array(column.length)
  const plain = column.field.encoding === 'plain'
  const bits = bitsOf(column)
  let parent = 0
  for (let row = 0; row < parents.length; row++) {
    if (slot(column, row) < 0) throw new RangeError(`column parent_id is null in row ${row}`)
    const value = number(column, row)
    parent = !plain && row > 0 && isSame(row, row - 1) ? wrapped(parent + value, bits) : value
    parents[row] = parent
  }
  return parents
}

/**
 * How the producer compared values. The reference producer in Rust names the encoding, compares bit for bit, and takes
 * no null attribute for the same as another; the one in Go never names it, and compares as Go does.
 */
export function samenessOf(parentId: Column): Sameness {
  const isGo = parentId.field.encoding === null
  return { nulls: isGo, numeric: isGo }
}

export function idsOf(table: Table, path: string): Float64Array | null {
  const column = table.column(path, 'uint16', 'uint32')
  return column && readIds(column)
}

/** The children of a table whose rows hold parents as differences where they agree in these columns, or are null. */
export function childrenOf(table: Table, equal: (Column | null)[]): Children {
  const parentId = table.required('parent_id', 'uint16', 'uint32')
  const rule = { ...samenessOf(parentId), nulls: true }
  return groupByParent(readParents(parentId, (row, before) => equal.every(column => same(column, row, before, rule))))
}

/** The rows of each parent, in their order. */
export interface Children {
  /** -1: none */
  first(parent: number): number
  /** the next row of the same parent, or -1 */
  next: Int32Array
}

export function groupByParent(parents: Float64Array): Children {
  const next = new Int32Array(parents.length)
  let max = 0
  for (const parent of parents) if (parent > max) max = parent

  // ids count up from 0, mostly
  if (max <= 2 * parents.length + 0xffff) {
    const heads = new Int32Array(max + 1).fill(-1)
    for (let row = parents.length - 1; row >= 0; row--) {
      next[row] = heads[parents[row]!]!
      heads[parents[row]!] = row
    }
    return { first: parent => heads[parent] ?? -1, next }
  }
  const heads = new Map<number, number>()
  for (let row = parents.length - 1; row >= 0; row--) {
    next[row] = heads.get(parents[row]!) ?? -1
    heads.set(parents[row]!, row)
  }
  return { first: parent => heads.get(parent) ?? -1, next }
}

function bitsOf(column: Column): 16 | 32 {
  return column.field.type === 'uint16' ? 16 : 32
}

function wrapped(id: number, bits: 16 | 32): number {
  return bits === 16 ? id & 0xffff : id >>> 0
}
