import type { Field } from './schema.ts'

/** Values as Arrow lays them out; of a column without dictionary, or of a dictionary. */
export interface Values {
  length: number
  /** values of fixed width, bits of booleans, or text and bytes back to back */
  data: Uint8Array
  view: DataView
  /** of text, bytes and lists: `length` + 1 ends, 4 bytes each, checked to rise */
  offsets: DataView | null
}

export interface Column {
  field: Field
  length: number
  /** one bit a row, 0 is null; null where no row is */
  validity: Uint8Array | null
  /** `field.dictionary.width` bytes a row: which of `values` it is; null without a dictionary */
  keys: DataView | null
  values: Values
  /** of a struct: as long as itself; of a list: the one of its items */
  children: Column[]
}

/** Where `row` has its value in `column.values`, or -1 for null; an absent column is null everywhere. */
export function slot(column: Column | null, row: number): number {
  if (column === null) return -1
  const { validity, keys } = column
  if (validity !== null && ((validity[row >> 3]! >> (row & 7)) & 1) === 0) return -1
  if (keys === null) return row
  const width = column.field.dictionary!.width
  const key =
    width === 1 ? keys.getUint8(row) : width === 2 ? keys.getUint16(2 * row, true) : keys.getUint32(4 * row, true)
  if (key >= column.values.length) {
    throw new RangeError(`column ${column.field.name}: key ${key} of a dictionary of ${column.values.length} values`)
  }
  return key
}

/** A number of up to 32 bits; 0 for null, as protobuf has it. */
export function number(column: Column | null, row: number): number {
  const at = slot(column, row)
  if (at < 0) return 0
  const { view } = column!.values
  switch (column!.field.type) {
    case 'uint8':
      return view.getUint8(at)
    case 'uint16':
      return view.getUint16(2 * at, true)
    case 'uint32':
      return view.getUint32(4 * at, true)
    case 'int32':
      return view.getInt32(4 * at, true)
    default:
      throw new Error(`${column!.field.type} is no number of up to 32 bits`)
  }
}

/** The two words of a value of 64 bits that has this slot. */
export function low({ values }: Column, at: number): number {
  return values.view.getUint32(8 * at, true)
}

export function high({ values }: Column, at: number): number {
  return values.view.getUint32(8 * at + 4, true)
}

export function boolean(column: Column | null, row: number): boolean {
  const at = slot(column, row)
  return at >= 0 && ((column!.values.data[at >> 3]! >> (at & 7)) & 1) === 1
}

/** Start in `column.values.data` of the text, the bytes or the value of fixed width that has this slot. */
export function start({ field, values }: Column, at: number): number {
  return values.offsets === null ? at * field.width : values.offsets.getUint32(4 * at, true)
}

export function end({ field, values }: Column, at: number): number {
  return values.offsets === null ? (at + 1) * field.width : values.offsets.getUint32(4 * at + 4, true)
}

/** What a producer took for the same value, which decides how it packed an id. */
export interface Sameness {
  /** null is the same as null */
  nulls: boolean
  /** doubles compare as numbers (NaN is not NaN, 0 is -0), else bit for bit */
  numeric: boolean
}

export function same(column: Column | null, a: number, b: number, rule: Sameness): boolean {
  const left = slot(column, a)
  const right = slot(column, b)
  if (left < 0 || right < 0) return rule.nulls && left === right
  const { field, values } = column!
  if (field.type === 'bool') return boolean(column, a) === boolean(column, b)
  if (field.type === 'float64' && rule.numeric) {
    return values.view.getFloat64(8 * left, true) === values.view.getFloat64(8 * right, true)
  }
  if (left === right) return true
  const from = start(column!, left)
  const other = start(column!, right)
  const length = end(column!, left) - from
  if (length !== end(column!, right) - other) return false
  for (let k = 0; k < length; k++) if (values.data[from + k] !== values.data[other + k]) return false
  return true
}
