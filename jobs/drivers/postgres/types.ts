import { DataType, type Field } from 'apache-arrow'

/**
 * Types that a sink's columns are declared with, as the model has them:
 *
 * | Arrow | Postgres |
 * | --- | --- |
 * | int8, int16 | SMALLINT |
 * | int32, uint8, uint16 | INTEGER |
 * | int64, uint32 | BIGINT |
 * | uint64 | NUMERIC(20, 0) |
 * | float32; float64 | REAL; DOUBLE PRECISION |
 * | boolean | BOOLEAN |
 * | utf8 | TEXT |
 * | binary, fixed size binary | BYTEA |
 * | fixed size binary of 32 bytes, marked `streamling.u256` or `streamling.i256` | NUMERIC(78, 0) |
 * | decimal(p, s) | NUMERIC(p, s) |
 * | date; time | DATE; TIME |
 * | timestamp, with and without zone | TIMESTAMP, in UTC |
 * | list, struct, map | JSONB |
 * | others | TEXT |
 */
export function columnType(field: Field): string {
  const { type } = field
  if (wideOf(field)) return 'NUMERIC(78, 0)'
  if (DataType.isInt(type)) return (type.isSigned ? signed : unsigned)[type.bitWidth]!
  if (DataType.isFloat(type)) return type.precision === 2 ? 'DOUBLE PRECISION' : 'REAL'
  if (DataType.isBool(type)) return 'BOOLEAN'
  if (isBytes(type)) return 'BYTEA'
  if (DataType.isDecimal(type)) {
    // Postgres before 15 knows no scale below 0
    return type.scale < 0 ? `NUMERIC(${type.precision - type.scale}, 0)` : `NUMERIC(${type.precision}, ${type.scale})`
  }
  if (DataType.isDate(type)) return 'DATE'
  if (DataType.isTime(type)) return 'TIME'
  if (DataType.isTimestamp(type)) return 'TIMESTAMP'
  return isNested(type) ? 'JSONB' : 'TEXT'
}

const signed: Readonly<Record<number, string>> = { 8: 'SMALLINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }
const unsigned: Readonly<Record<number, string>> = { 8: 'INTEGER', 16: 'INTEGER', 32: 'BIGINT', 64: 'NUMERIC(20, 0)' }

export const isBytes = (type: DataType): boolean =>
  DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type)

export const isNested = (type: DataType): boolean =>
  DataType.isList(type) || DataType.isFixedSizeList(type) || DataType.isStruct(type) || DataType.isMap(type)

/** Integers of 256 bits, big-endian, as plugins of the model mark them; undefined: it is none. */
export function wideOf({ type, metadata }: Field): 'u256' | 'i256' | undefined {
  if (!DataType.isFixedSizeBinary(type) || type.byteWidth !== 32) return undefined
  const name = metadata.get('ARROW:extension:name')
  return name === 'streamling.u256' ? 'u256' : name === 'streamling.i256' ? 'i256' : undefined
}

/**
 * The families within which a column of a table that is there already takes values unchanged, or refuses a single value
 * by itself (a number that is too large, a text that is too long).
 */
const families: readonly (readonly [RegExp, (field: Field) => boolean])[] = [
  [/^(smallint|integer|bigint)$/, ({ type }) => DataType.isInt(type)],
  [/^numeric/, field => isNumber(field.type) || wideOf(field) !== undefined],
  [/^(real|double precision)$/, ({ type }) => DataType.isFloat(type)],
  [/^boolean$/, ({ type }) => DataType.isBool(type)],
  [/^bytea$/, field => isBytes(field.type) && wideOf(field) === undefined],
  [/^date$/, ({ type }) => DataType.isDate(type)],
  [/^time(\(\d\))? without time zone$/, ({ type }) => DataType.isTime(type)],
  [/^timestamp(\(\d\))? with/, ({ type }) => DataType.isTimestamp(type) || DataType.isDate(type)],
  [/^jsonb?$/, ({ type }) => isNested(type) || DataType.isUtf8(type) || DataType.isLargeUtf8(type)],
  [/^(text|character|name|citext)/, field => !isBytes(field.type) || wideOf(field) !== undefined],
  // enumerations, uuid, inet, ranges and the like have a form as text
  [/^/, ({ type }) => DataType.isUtf8(type) || DataType.isLargeUtf8(type)],
]

const isNumber = (type: DataType) => DataType.isInt(type) || DataType.isFloat(type) || DataType.isDecimal(type)

/**
 * Why a column of a table (`declared` as `format_type` writes it: `numeric(10,2)`) cannot hold values of the field;
 * undefined: it can.
 */
export function misfit(field: Field, declared: string): string | undefined {
  const [, takes] = families.find(([pattern]) => pattern.test(declared))!
  if (takes(field)) return undefined
  // all numbers of smaller integers fit a double exactly
  if (/^double/.test(declared) && DataType.isInt(field.type) && field.type.bitWidth <= 32) return undefined
  return `it is ${declared}, and the rows have ${columnType(field)}: declare it ${columnType(field)}, or cast the column`
}
