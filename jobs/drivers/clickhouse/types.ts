import { type DataType, type Field, DataType as Is } from 'apache-arrow'
import { nameOf, unitDigits } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { quote } from './names.ts'

/** A type of ClickHouse: `Map(String, Array(UInt8))`. Parts that are no types are kept as they stand. */
export interface ChType {
  name: string
  args: readonly (ChType & { label?: string })[]
  text: string
}

/** Types as `system.columns` writes them. */
export function parseType(text: string): ChType {
  const trimmed = text.trim()
  const open = trimmed.indexOf('(')
  if (open < 0 || !trimmed.endsWith(')')) return { name: trimmed, args: [], text: trimmed }
  const args = splitTop(trimmed.slice(open + 1, -1)).map(part => {
    const [, label, type] = /^(`(?:[^`\\]|\\.)+`|[A-Za-z_]\w*)\s+([A-Za-z][\s\S]*)$/.exec(part) ?? []
    return label === undefined ? parseType(part) : { ...parseType(type!), label }
  })
  return { name: trimmed.slice(0, open), args, text: trimmed }
}

/** Parts of a list, split at the commas outside of parentheses and quotes. */
export function splitTop(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === "'" || char === '"' || char === '`') {
      for (at++; at < text.length && text[at] !== char; at++) if (text[at] === '\\') at++
    } else if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(from, at).trim())
      from = at + 1
    }
  }
  parts.push(text.slice(from).trim())
  return parts.filter(part => part !== '')
}

/** As they come out of `FORMAT ArrowStream`. */
const same = /^(U?Int(8|16|32|64)|Float(32|64)|Bool|String|FixedString|Date32)$/

/**
 * The type that a column is read as: the same where Arrow and this runtime have it, else one that loses nothing: times
 * in UTC, and text for what is wider than 64 bits (38 digits for decimals), addresses, UUIDs, enums and JSON.
 * Throws `bad_pipeline` for states of aggregate functions, which have no value.
 */
export function readableType(type: ChType): string {
  const { name, args, text } = type
  if (same.test(name)) return text
  const [first] = args
  if (name === 'Nullable') return `Nullable(${readableType(first!)})`
  if (name === 'LowCardinality') return readableType(first!)
  if (name === 'SimpleAggregateFunction') return readableType(args[1]!)
  if (name === 'Date') return 'Date32'
  if (name === 'DateTime' || name === 'DateTime32') return "DateTime64(0, 'UTC')"
  if (name === 'DateTime64') return `DateTime64(${arrowScale(Number(first?.name ?? 3))}, 'UTC')`
  if (name === 'Decimal') return Number(first!.name) <= 38 ? text : 'String'
  if (/^Decimal(32|64|128)$/.test(name)) return `Decimal(${{ 32: 9, 64: 18, 128: 38 }[name.slice(7)]}, ${first!.name})`
  if (name === 'BFloat16') return 'Float32'
  if (name === 'Array') return `Array(${readableType(first!)})`
  if (name === 'Map') return `Map(${readableType(first!)}, ${readableType(args[1]!)})`
  if (name === 'Tuple') return tuple(args)
  if (name === 'Nested') return `Array(${tuple(args)})`
  if (name === 'AggregateFunction')
    throw new PipelineError('bad_pipeline', `${text} is a state without a value: name the columns to read`)
  // these hold a null by themselves
  return name === 'Variant' || name === 'Dynamic' ? 'Nullable(String)' : 'String'
}

const tuple = (args: ChType['args']): string =>
  `Tuple(${args.map(arg => (arg.label === undefined ? readableType(arg) : `${arg.label} ${readableType(arg)}`)).join(', ')})`

/** Digits after the second that a unit of Arrow has. */
const arrowScale = (digits: number): number => Math.ceil(digits / 3) * 3

/** What stands in a SELECT for a column, under its own name or another. */
export function readable(expression: string, type: string, alias: string): string {
  const wanted = readableType(parseType(type))
  const value = wanted === type ? expression : `CAST(${expression}, ${quoted(wanted)})`
  return value === alias ? value : `${value} AS ${alias}`
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

/** Whether ORDER BY and comparisons of this type can be written as text. */
export const isNullable = (type: string): boolean => /^(LowCardinality\()?Nullable\(/.test(type)
export const isWhole = (type: string): boolean => /^U?Int(8|16|32|64|128|256)$/.test(type)

/** Digits after the second that a type of times has; negative: it is no such type. */
export const digitsOf = ({ name, args }: ChType): number =>
  /^(DateTime|Time)64$/.test(name) ? Number(args[0]?.name ?? 3) : /^(DateTime|Time)$/.test(name) ? 0 : -1

/** The type of a column that is made for one of Arrow's. Throws `bad_pipeline` where there is none. */
export function columnType(type: DataType, nullable: boolean): string {
  const name = plainType(type)
  return nullable && !/^(Array|Map|Tuple)\(/.test(name) ? `Nullable(${name})` : name
}

function plainType(type: DataType): string {
  if (Is.isBool(type)) return 'Bool'
  if (Is.isInt(type)) return `${type.isSigned ? 'Int' : 'UInt'}${type.bitWidth}`
  if (Is.isFloat(type)) return type.precision === 2 ? 'Float64' : 'Float32'
  if (Is.isUtf8(type) || Is.isLargeUtf8(type) || Is.isBinary(type) || Is.isLargeBinary(type)) return 'String'
  if (Is.isFixedSizeBinary(type)) return `FixedString(${type.byteWidth})`
  if (Is.isDecimal(type)) return `Decimal(${type.precision}, ${type.scale})`
  if (Is.isDate(type)) return type.unit === 0 ? 'Date32' : "DateTime64(3, 'UTC')"
  if (Is.isTimestamp(type)) return `DateTime64(${unitDigits[type.unit]}, 'UTC')`
  // microseconds of the day, as Arrow has them: Time64 is not in all servers yet
  if (Is.isTime(type)) return 'Int64'
  if (Is.isList(type) || Is.isFixedSizeList(type)) return `Array(${member(type.children[0]!)})`
  if (Is.isMap(type)) {
    const [key, value] = type.children[0]!.type.children as [Field, Field]
    return `Map(${columnType(key.type, false)}, ${member(value)})`
  }
  if (Is.isStruct(type))
    return `Tuple(${type.children.map(field => `${quote(field.name)} ${member(field)}`).join(', ')})`
  throw new PipelineError('bad_pipeline', `${nameOf(type)} has no type in ClickHouse: cast it to another one`)
}

const member = (field: Field): string => columnType(field.type, field.nullable)
