import {
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Int32,
  Int64,
  DataType as Is,
  List,
  Map_ as MapType,
  Struct,
  Utf8,
} from 'apache-arrow'
import { type ChType, parseType } from '../../drivers/clickhouse/types.ts'
import { dataOf } from '../../runtime/batch/build.ts'
import { validity } from '../../runtime/batch/cells.ts'
import { bare } from './fit.ts'

/** A column as its table takes it. */
export interface Sent {
  field: Field
  of(data: Data): Data
}

export function sentAs({ name, type, nullable }: Field, column: string): Sent {
  const to = bare(parseType(column))
  const sent = sentType(type, to)
  const bytes = Is.isUtf8(type) ? bytesOf(to) : undefined
  return {
    field: new Field(name, sent, nullable),
    of: data => (bytes === undefined ? retyped(data, sent) : longer(data, bytes, to.name)),
  }
}

/** A time of day is the number that it is, but for the columns that have such a type. */
function sentType(type: DataType, to: ChType | undefined): DataType {
  const { name = '', args = [] } = to === undefined ? {} : bare(to)
  const within = (field: Field, at: number) => new Field(field.name, sentType(field.type, args[at]), field.nullable)
  if (Is.isTime(type)) return name === 'Time64' ? type : type.bitWidth === 64 ? new Int64() : new Int32()
  if (Is.isList(type)) return new List(within(type.children[0]!, 0))
  if (Is.isFixedSizeList(type)) return new FixedSizeList(type.listSize, within(type.children[0]!, 0))
  if (Is.isStruct(type)) return new Struct((type.children as Field[]).map(within))
  if (Is.isMap(type)) {
    const { name, type: pair, nullable } = type.children[0]!
    const pairs = new Struct((pair.children as Field[]).map(within)) as Struct<{ key: DataType; value: DataType }>
    return new MapType(new Field(name, pairs, nullable), type.keysSorted)
  }
  return type
}

/** The same buffers as another type. */
function retyped(data: Data, type: DataType): Data {
  const children = data.children.map((child, at) => retyped(child, type.children[at]!.type))
  return data.clone(type, data.offset, data.length, data.nullCount, undefined, children)
}

/** Texts of this length are taken for the value's own bytes, where all that come together have it. */
const bytesOf = ({ name }: ChType): number | undefined =>
  /^(IPv6|U?Int128)$/.test(name) ? 16 : /^U?Int256$/.test(name) ? 32 : undefined

/** Texts of no such length that are read as the same. */
function longer(data: Data, bytes: number, to: string): Data {
  const { valueOffsets, values, length } = data as Data<Utf8>
  const isValid = validity(data)
  const rows = Array.from({ length }, (_, row) => row)
  if (!rows.some(row => valueOffsets[row + 1]! - valueOffsets[row]! === bytes)) return data
  const texts = rows.map(row => {
    if (!isValid(row)) return null
    const text = Buffer.from(values.subarray(valueOffsets[row], valueOffsets[row + 1])).toString()
    if (text.length !== bytes) return text
    return to === 'IPv6' ? longerAddress(text) : text.replace(/^-?/, '$&0')
  })
  return dataOf(new Utf8(), texts)
}

/** Of 16 bytes: with a zero more in a group that has room for it, or a group of zeros more. */
function longerAddress(text: string): string {
  const padded = text.replace(/(?<=^|:)[\da-f]{1,3}(?=:|$)/i, '0$&')
  return padded === text ? text.replace('::', text.startsWith('::') ? '0::' : ':0::').replace(/::$/, '::0') : padded
}
