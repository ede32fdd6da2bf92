import { type Data, DataType, type Field, DataType as Is, Precision, type RecordBatch, TimeUnit } from 'apache-arrow'
import { bit, validity } from '../../runtime/batch/cells.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Bytes } from './bytes.ts'

/** Columns as Avro records. Every field is a union of null and its type, so that schemas can change later. */

export type AvroSchema = string | { readonly [key: string]: unknown } | readonly AvroSchema[]

/** Writes the value of a row. */
type Write = (row: number, out: Bytes) => void

const avroName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Throws `bad_pipeline` where a column has no Avro name or type. */
export function avroSchemaOf(
  fields: readonly Field[],
  { name, namespace, doc }: { name: string; namespace?: string | undefined; doc?: string },
): AvroSchema {
  return {
    type: 'record',
    name,
    ...(namespace !== undefined && { namespace }),
    ...(doc !== undefined && { doc }),
    fields: fieldsOf(fields, name),
  }
}

function fieldsOf(fields: readonly Field[], path: string): AvroSchema[] {
  return fields.map(field => {
    if (avroName.test(field.name)) {
      return { name: field.name, type: ['null', typeOf(field.type, `${path}_${field.name}`)], default: null }
    }
    throw new PipelineError(
      'bad_pipeline',
      `column ${JSON.stringify(field.name)} cannot be a field of Avro, whose names are letters, digits and _: rename it with SQL`,
    )
  })
}

function typeOf(type: DataType, path: string): AvroSchema {
  if (Is.isBool(type)) return 'boolean'
  if (Is.isInt(type)) {
    if (type.bitWidth === 64 && !type.isSigned)
      return { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 0 }
    return type.bitWidth === 64 || (type.bitWidth === 32 && !type.isSigned) ? 'long' : 'int'
  }
  if (Is.isFloat(type)) return type.precision === Precision.DOUBLE ? 'double' : 'float'
  if (Is.isUtf8(type)) return 'string'
  if (Is.isBinary(type) || Is.isFixedSizeBinary(type)) return 'bytes'
  if (Is.isDate(type)) return { type: 'int', logicalType: 'date' }
  if (Is.isTime(type)) return { type: 'long', logicalType: 'time-micros' }
  if (Is.isTimestamp(type)) {
    const unit = type.unit === TimeUnit.NANOSECOND ? 'nanos' : type.unit === TimeUnit.MICROSECOND ? 'micros' : 'millis'
    return { type: 'long', logicalType: `${type.timezone == null ? 'local-' : ''}timestamp-${unit}` }
  }
  if (Is.isDecimal(type)) return { type: 'bytes', logicalType: 'decimal', precision: type.precision, scale: type.scale }
  if (Is.isList(type)) return { type: 'array', items: ['null', typeOf(type.valueType, `${path}_item`)] }
  if (Is.isStruct(type)) return { type: 'record', name: path, fields: fieldsOf(type.children, path) }
  if (Is.isMap(type)) {
    const [key, value] = type.children[0]!.type.children as [Field, Field]
    if (Is.isUtf8(key.type)) return { type: 'map', values: ['null', typeOf(value.type, `${path}_value`)] }
  }
  throw new PipelineError('bad_pipeline', `there is no Avro type for ${nameOf(type)}: cast the column with SQL`)
}

/** Writes rows of the batch as records of `avroSchemaOf` over the same columns. */
export function rowEncoder(batch: RecordBatch, columns: readonly number[]): Write {
  const writes = columns.map(at => nullable(batch.data.children[at]!))
  return (row, out) => {
    for (let at = 0; at < writes.length; at++) writes[at]!(row, out)
  }
}

function nullable(data: Data): Write {
  const isValid = validity(data)
  const write = writer(data)
  return (row, out) => {
    if (!isValid(row)) return out.int(0)
    out.int(1)
    write(row, out)
  }
}

function writer(data: Data): Write {
  const { type, values, valueOffsets, offset } = data
  if (Is.isBool(type)) return (row, out) => out.byte(bit(values, offset + row) ? 1 : 0)
  if (Is.isInt(type)) {
    if (type.bitWidth === 64 && !type.isSigned) return (row, out) => unscaled(values[row] as bigint, out)
    if (type.bitWidth === 64) return (row, out) => out.long(values[row] as bigint)
    if (type.bitWidth === 32 && !type.isSigned) return (row, out) => out.long(BigInt(values[row] as number))
    return (row, out) => out.int(values[row] as number)
  }
  if (Is.isFloat(type))
    return type.precision === Precision.DOUBLE
      ? (row, out) => out.double(values[row] as number)
      : (row, out) => out.float(values[row] as number)
  if (Is.isUtf8(type) || Is.isBinary(type))
    return (row, out) => out.sized(values as Uint8Array, valueOffsets[row]!, valueOffsets[row + 1]!)
  if (Is.isFixedSizeBinary(type))
    return (row, out) => out.sized(values as Uint8Array, row * type.byteWidth, (row + 1) * type.byteWidth)
  if (Is.isDate(type)) {
    // a day, or its milliseconds
    return values instanceof Int32Array
      ? (row, out) => out.int(values[row] as number)
      : (row, out) => out.int(Number((values[row] as bigint) / 86_400_000n))
  }
  if (Is.isTime(type)) {
    const scale = { [TimeUnit.SECOND]: 1_000_000n, [TimeUnit.MILLISECOND]: 1000n }[type.unit as number] ?? 1n
    const divisor = type.unit === TimeUnit.NANOSECOND ? 1000n : 1n
    return (row, out) => out.long((BigInt(values[row] as number | bigint) * scale) / divisor)
  }
  if (Is.isTimestamp(type)) {
    const scale = type.unit === TimeUnit.SECOND ? 1000n : 1n
    return (row, out) => out.long((values[row] as bigint) * scale)
  }
  if (Is.isDecimal(type)) return (row, out) => unscaled(decimalOf(values as Uint32Array, row, type.bitWidth), out)
  if (Is.isList(type) || Is.isMap(type)) return blocks(data)
  if (Is.isStruct(type)) {
    const writes = data.children.map(nullable)
    return (row, out) => {
      for (const write of writes) write(row, out)
    }
  }
  throw new Error(`no Avro type for ${nameOf(type)}`)
}

/** Items of an array, or entries of a map: one block, and an empty one. */
function blocks({ type, valueOffsets, children: [child] }: Data): Write {
  let write: Write
  if (DataType.isMap(type)) {
    const [keys, values] = child!.children as [Data, Data]
    const [writeKey, writeValue] = [writer(keys), nullable(values)]
    write = (row, out) => {
      writeKey(row, out)
      writeValue(row, out)
    }
  } else write = nullable(child!)
  return (row, out) => {
    const [from, to] = [valueOffsets[row]!, valueOffsets[row + 1]!]
    if (to > from) out.int(to - from)
    for (let at = from; at < to; at++) write(at, out)
    out.int(0)
  }
}

function decimalOf(words: Uint32Array, row: number, bits: number): bigint {
  const count = bits / 32
  let value = 0n
  for (let word = count - 1; word >= 0; word--) value = (value << 32n) | BigInt(words[row * count + word]!)
  return BigInt.asIntN(bits, value)
}

/** Two's complement in as few bytes as hold it, most significant first. */
function unscaled(value: bigint, out: Bytes): void {
  let length = 1
  while (BigInt.asIntN(length * 8, value) !== value) length++
  out.int(length)
  for (let byte = length - 1; byte >= 0; byte--) out.byte(Number((value >> BigInt(byte * 8)) & 0xffn))
}
