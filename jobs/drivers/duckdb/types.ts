import duckdb, { type LogicalType, type Type as TypeId } from '@duckdb/node-bindings'
import {
  Binary,
  Bool,
  DataType,
  DateDay,
  DateUnit,
  Decimal,
  Field,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  Precision,
  Struct,
  TimeMicrosecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  TimeUnit,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { identifier } from './duckdb.ts'

const { Type } = duckdb

/** Fields of JSON text carry this metadata, so that DuckDB's type JSON is known again behind Arrow's Utf8. */
export const isJson = (field: Field): boolean => field.metadata.get('json') === 'true'
export const jsonMetadata = (): Map<string, string> => new Map([['json', 'true']])

/** The SQL name of the type that holds an Arrow type's values; throws `bad_data` for one that DuckDB cannot hold. */
export function sqlTypeOf(type: DataType): string {
  if (DataType.isBool(type)) return 'BOOLEAN'
  if (DataType.isInt(type)) return `${type.isSigned ? '' : 'U'}${integers[type.bitWidth]}`
  if (DataType.isFloat(type)) return type.precision === Precision.DOUBLE ? 'DOUBLE' : 'FLOAT'
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return 'VARCHAR'
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type)) return 'BLOB'
  if (DataType.isDecimal(type) && type.bitWidth === 128) return `DECIMAL(${type.precision},${type.scale})`
  if (DataType.isDate(type)) return type.unit === DateUnit.DAY ? 'DATE' : 'TIMESTAMP_MS'
  if (DataType.isTime(type)) return type.unit === TimeUnit.NANOSECOND ? 'TIME_NS' : 'TIME'
  if (DataType.isTimestamp(type)) return type.timezone ? 'TIMESTAMP WITH TIME ZONE' : timestamps[type.unit]
  if (DataType.isList(type) || DataType.isFixedSizeList(type) || DataType.isLargeList(type))
    return `${sqlTypeOf(type.children[0]!.type)}[]`
  if (DataType.isMap(type)) {
    const [key, value] = type.children[0]!.type.children as Field[]
    return `MAP(${sqlTypeOf(key!.type)}, ${sqlTypeOf(value!.type)})`
  }
  if (DataType.isStruct(type) && type.children.length > 0) return `STRUCT(${type.children.map(member).join(', ')})`
  if (DataType.isNull(type)) return 'INTEGER'
  if (DataType.isDictionary(type)) return sqlTypeOf(type.dictionary)
  throw new PipelineError('bad_data', `columns of the Arrow type ${type} cannot be handed to SQL`)
}

const member = (field: Field) => `${identifier(field.name)} ${sqlTypeOf(field.type)}`
const integers: Readonly<Record<number, string>> = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }
const timestamps = {
  [TimeUnit.SECOND]: 'TIMESTAMP_S',
  [TimeUnit.MILLISECOND]: 'TIMESTAMP_MS',
  [TimeUnit.MICROSECOND]: 'TIMESTAMP',
  [TimeUnit.NANOSECOND]: 'TIMESTAMP_NS',
}

interface Scalar {
  sql: string
  /** undefined: DuckDB casts such a column to text before it is read */
  arrow?: () => DataType
}

/** Types without parts, by DuckDB's id. */
const scalars: Readonly<Partial<Record<TypeId, Scalar>>> = {
  [Type.BOOLEAN]: { sql: 'BOOLEAN', arrow: () => new Bool() },
  [Type.TINYINT]: { sql: 'TINYINT', arrow: () => new Int8() },
  [Type.SMALLINT]: { sql: 'SMALLINT', arrow: () => new Int16() },
  [Type.INTEGER]: { sql: 'INTEGER', arrow: () => new Int32() },
  [Type.BIGINT]: { sql: 'BIGINT', arrow: () => new Int64() },
  [Type.UTINYINT]: { sql: 'UTINYINT', arrow: () => new Uint8() },
  [Type.USMALLINT]: { sql: 'USMALLINT', arrow: () => new Uint16() },
  [Type.UINTEGER]: { sql: 'UINTEGER', arrow: () => new Uint32() },
  [Type.UBIGINT]: { sql: 'UBIGINT', arrow: () => new Uint64() },
  [Type.HUGEINT]: { sql: 'HUGEINT', arrow: () => new Decimal(0, 38, 128) },
  [Type.UHUGEINT]: { sql: 'UHUGEINT', arrow: () => new Decimal(0, 38, 128) },
  [Type.FLOAT]: { sql: 'FLOAT', arrow: () => new Float32() },
  [Type.DOUBLE]: { sql: 'DOUBLE', arrow: () => new Float64() },
  [Type.VARCHAR]: { sql: 'VARCHAR', arrow: () => new Utf8() },
  [Type.BLOB]: { sql: 'BLOB', arrow: () => new Binary() },
  [Type.DATE]: { sql: 'DATE', arrow: () => new DateDay() },
  [Type.TIME]: { sql: 'TIME', arrow: () => new TimeMicrosecond() },
  [Type.TIME_NS]: { sql: 'TIME_NS', arrow: () => new TimeNanosecond() },
  [Type.TIMESTAMP]: { sql: 'TIMESTAMP', arrow: () => new TimestampMicrosecond() },
  [Type.TIMESTAMP_S]: { sql: 'TIMESTAMP_S', arrow: () => new TimestampSecond() },
  [Type.TIMESTAMP_MS]: { sql: 'TIMESTAMP_MS', arrow: () => new TimestampMillisecond() },
  [Type.TIMESTAMP_NS]: { sql: 'TIMESTAMP_NS', arrow: () => new TimestampNanosecond() },
  [Type.TIMESTAMP_TZ]: { sql: 'TIMESTAMP WITH TIME ZONE', arrow: () => new TimestampMicrosecond('UTC') },
}

/** The Arrow type of a DuckDB type; of one that Arrow has not, that of its text. */
export function arrowTypeOf(type: LogicalType): DataType {
  const id = duckdb.get_type_id(type)
  if (id === Type.DECIMAL) return new Decimal(duckdb.decimal_scale(type), duckdb.decimal_width(type), 128)
  if (id === Type.LIST) return new List(fieldOf('item', duckdb.list_type_child_type(type)))
  if (id === Type.ARRAY) return new List(fieldOf('item', duckdb.array_type_child_type(type)))
  if (id === Type.STRUCT) return new Struct(membersOf(type).map(([name, inner]) => fieldOf(name, inner)))
  if (id === Type.MAP) {
    const key = new Field('key', arrowTypeOf(duckdb.map_type_key_type(type)), false)
    const value = fieldOf('value', duckdb.map_type_value_type(type))
    return new Map_(new Field('entries', new Struct<{ key: DataType; value: DataType }>([key, value]), false))
  }
  return scalars[id]?.arrow?.() ?? new Utf8()
}

export function fieldOf(name: string, type: LogicalType): Field {
  const json = duckdb.get_type_id(type) === Type.VARCHAR && duckdb.logical_type_get_alias(type) === 'JSON'
  return new Field(name, arrowTypeOf(type), true, json ? jsonMetadata() : undefined)
}

export function membersOf(type: LogicalType): [name: string, type: LogicalType][] {
  return Array.from({ length: duckdb.struct_type_child_count(type) }, (_, index) => [
    duckdb.struct_type_child_name(type, index),
    duckdb.struct_type_child_type(type, index),
  ])
}

/** The type's name in SQL as it can be read: what Arrow has no type for becomes VARCHAR, fixed arrays become lists. */
export function readableTypeOf(type: LogicalType): string {
  const id = duckdb.get_type_id(type)
  if (id === Type.DECIMAL) return `DECIMAL(${duckdb.decimal_width(type)},${duckdb.decimal_scale(type)})`
  if (id === Type.LIST) return `${readableTypeOf(duckdb.list_type_child_type(type))}[]`
  if (id === Type.ARRAY) return `${readableTypeOf(duckdb.array_type_child_type(type))}[]`
  if (id === Type.STRUCT)
    return `STRUCT(${membersOf(type)
      .map(([name, inner]) => `${identifier(name)} ${readableTypeOf(inner)}`)
      .join(', ')})`
  if (id === Type.MAP)
    return `MAP(${readableTypeOf(duckdb.map_type_key_type(type))}, ${readableTypeOf(duckdb.map_type_value_type(type))})`
  if (id === Type.SQLNULL) return 'INTEGER'
  return scalars[id]?.sql ?? 'VARCHAR'
}

/** Whether a column of this type can be read as it lies in memory; else it is cast to `readableTypeOf` first. */
export function isReadable(type: LogicalType): boolean {
  const id = duckdb.get_type_id(type)
  if (id === Type.LIST) return isReadable(duckdb.list_type_child_type(type))
  if (id === Type.STRUCT) return membersOf(type).every(([, inner]) => isReadable(inner))
  if (id === Type.MAP) return isReadable(duckdb.map_type_key_type(type)) && isReadable(duckdb.map_type_value_type(type))
  return id === Type.DECIMAL || scalars[id] !== undefined
}
