import {
  Binary,
  Bool,
  DataType,
  DateDay,
  Decimal,
  Field,
  type FixedSizeBinary,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Precision,
  Schema,
  TimeMicrosecond,
  Timestamp,
  TimeUnit,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow'
import { PipelineError } from '../errors.ts'

/** Digits after the second that a unit of time has. */
export const unitDigits: Readonly<Record<TimeUnit, number>> = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9,
}

/** The column that says what became of a row: i (insert), u (update), d (delete). */
export const OP = '_gs_op'

/** Names of types as `schema:` and `schema_override:` write them: Arrow's, and what people write for them. */
const plain: Readonly<Record<string, () => DataType>> = {
  boolean: () => new Bool(),
  int8: () => new Int8(),
  int16: () => new Int16(),
  int32: () => new Int32(),
  int64: () => new Int64(),
  uint8: () => new Uint8(),
  uint16: () => new Uint16(),
  uint32: () => new Uint32(),
  uint64: () => new Uint64(),
  float32: () => new Float32(),
  float64: () => new Float64(),
  utf8: () => new Utf8(),
  binary: () => new Binary(),
  date32: () => new DateDay(),
  time64: () => new TimeMicrosecond(),
  timestamp: () => new Timestamp(TimeUnit.MICROSECOND),
  decimal128: () => new Decimal(10, 38, 128),
}

const aliases: Readonly<Record<string, string>> = {
  bool: 'boolean',
  tinyint: 'int8',
  smallint: 'int16',
  int: 'int32',
  integer: 'int32',
  bigint: 'int64',
  long: 'int64',
  float: 'float32',
  real: 'float32',
  double: 'float64',
  string: 'utf8',
  text: 'utf8',
  varchar: 'utf8',
  largeutf8: 'utf8',
  utf8view: 'utf8',
  json: 'utf8',
  uuid: 'utf8',
  bytes: 'binary',
  blob: 'binary',
  bytea: 'binary',
  largebinary: 'binary',
  date: 'date32',
  time: 'time64',
  decimal: 'decimal128',
  numeric: 'decimal128',
}

const units: Readonly<Record<string, TimeUnit>> = {
  s: TimeUnit.SECOND,
  second: TimeUnit.SECOND,
  ms: TimeUnit.MILLISECOND,
  millisecond: TimeUnit.MILLISECOND,
  us: TimeUnit.MICROSECOND,
  microsecond: TimeUnit.MICROSECOND,
  ns: TimeUnit.NANOSECOND,
  nanosecond: TimeUnit.NANOSECOND,
}
const unitNames: Readonly<Record<number, string>> = {
  [TimeUnit.SECOND]: 's',
  [TimeUnit.MILLISECOND]: 'ms',
  [TimeUnit.MICROSECOND]: 'us',
  [TimeUnit.NANOSECOND]: 'ns',
}

/**
 * The Arrow type of a name such as `int64`, `timestamp(us, UTC)`, `decimal128(38, 9)` or `list<utf8>`, in any case.
 * Throws `bad_pipeline` that lists the known ones.
 */
export function typeOf(name: string): DataType {
  const type = parse(name.trim().toLowerCase())
  if (type !== undefined) return type
  const known = [...Object.keys(plain), 'timestamp(s|ms|us|ns, UTC)', 'decimal128(PRECISION, SCALE)', 'list<TYPE>']
  throw new PipelineError('bad_pipeline', `there is no type ${JSON.stringify(name)}: write one of ${known.join(', ')}`)
}

function parse(name: string): DataType | undefined {
  const list = /^(?:large)?list<(.+)>$/.exec(name)
  if (list) {
    const inner = parse(list[1]!.trim())
    return inner && new List(new Field('item', inner, true))
  }
  const [, base = '', argumentText] = /^([a-z0-9_]+)(?:\((.*)\))?$/.exec(name) ?? []
  // a length says nothing to Arrow
  if (base === 'varchar' && argumentText !== undefined) return new Utf8()
  const key = aliases[base] ?? base
  if (argumentText === undefined) return Object.hasOwn(plain, key) ? plain[key]!() : undefined
  const parts = argumentText.split(',').map(part =>
    part
      .trim()
      .replace(/^some\("?(.*?)"?\)$/, '$1')
      .replace(/"/g, ''),
  )
  if (key === 'timestamp') {
    const unit = units[parts[0]!]
    if (unit === undefined || parts.length > 2) return undefined
    const zone = parts[1] === undefined || parts[1] === 'none' ? undefined : parts[1]
    if (zone !== undefined && !/^(utc|z|\+00:00)$/.test(zone)) return undefined
    return new Timestamp(unit, zone && 'UTC')
  }
  if (key === 'decimal128') {
    const [precision, scale = 0] = parts.map(Number)
    const fits = Number.isInteger(precision) && Number.isInteger(scale) && precision! >= 1 && precision! <= 38
    return fits && scale >= 0 && scale <= precision! ? new Decimal(scale, precision!, 128) : undefined
  }
  return undefined
}

/** The name of a type that `typeOf` takes; of others Arrow's own. */
export function nameOf(type: DataType): string {
  if (DataType.isBool(type)) return 'boolean'
  if (DataType.isInt(type)) return `${type.isSigned ? 'int' : 'uint'}${type.bitWidth}`
  if (DataType.isFloat(type)) return type.precision === Precision.DOUBLE ? 'float64' : 'float32'
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return 'utf8'
  if (DataType.isBinary(type) || DataType.isLargeBinary(type)) return 'binary'
  if (DataType.isDate(type)) return 'date32'
  if (DataType.isTime(type)) return 'time64'
  if (DataType.isTimestamp(type))
    return `timestamp(${unitNames[type.unit]}${type.timezone == null ? '' : `, ${type.timezone}`})`
  if (DataType.isDecimal(type)) return `decimal128(${type.precision}, ${type.scale})`
  if (DataType.isList(type)) return `list<${nameOf(type.valueType)}>`
  if (DataType.isFixedSizeBinary(type)) return `fixed_size_binary(${(type as FixedSizeBinary).byteWidth})`
  if (DataType.isStruct(type))
    return `struct<${type.children.map(field => `${field.name}: ${nameOf(field.type)}`).join(', ')}>`
  return String(type)
}

/** The schema with `_gs_op` at its end, where it has none. */
export function withOp(schema: Schema): Schema {
  if (schema.fields.some(field => field.name === OP)) return schema
  return new Schema([...schema.fields, new Field(OP, new Utf8(), false)], schema.metadata)
}
