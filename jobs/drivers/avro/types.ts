import { type DataType, Field, List, Map_, Struct } from 'apache-arrow'
import avsc, { type Type } from 'avsc'
import { typeOf } from '../../runtime/batch/types.ts'

/** A value as `batchOfRows` takes it. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { [name: string]: Value }

/** An Avro type as a column: its Arrow type, and what makes of a decoded value one for it. */
export interface Mapped {
  type: DataType
  convert(value: unknown): Value
}

/** 64-bit integers as bigints: avsc's own numbers fail above 2^53. */
const long = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** The decoder of a schema; unions come as `{BRANCH: value}`. */
export function decoderOf(schema: unknown): Type {
  return avsc.Type.forSchema(bareLongs(schema) as never, { registry: { long }, wrapUnions: true })
}

/** avsc takes `long` from the registry only where it stands by itself, and not with a logical type. */
function bareLongs(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (_, value) =>
    value?.type === 'long' && value.name === undefined ? 'long' : value,
  )
}

/** The `doc` of the record may be JSON with `primaryKeys`. */
export function primaryKeyOf(schema: unknown): readonly string[] | undefined {
  try {
    const { primaryKeys } = JSON.parse((schema as { doc: string }).doc) as { primaryKeys?: unknown }
    return Array.isArray(primaryKeys) && primaryKeys.length > 0 ? primaryKeys.map(String) : undefined
  } catch {
    // a doc for people
    return undefined
  }
}

type Schema = string | Schema[] | { type: Schema; [key: string]: unknown }

/** Follows a schema as the specification writes it (Avro 1.11, "Schema Declaration"). */
export function mapSchema(schema: unknown): { name: string; column: Mapped }[] | undefined {
  const record = schema as { type?: unknown; fields?: { name: string; type: Schema }[] }
  if (record?.type !== 'record' || !Array.isArray(record.fields)) return undefined
  const names = new Map<string, Schema>()
  collect(schema as Schema, names, '')
  return record.fields.map(field => ({ name: field.name, column: map(field.type, names, [schema as Schema]) }))
}

/** Named types, by full and by short name. */
function collect(schema: Schema, names: Map<string, Schema>, space: string): void {
  if (typeof schema === 'string') return
  if (Array.isArray(schema)) {
    for (const branch of schema) collect(branch, names, space)
    return
  }
  const own = typeof schema.namespace === 'string' ? schema.namespace : space
  if (typeof schema.name === 'string') {
    const full = schema.name.includes('.') || own === '' ? schema.name : `${own}.${schema.name}`
    names.set(full, schema)
    names.set(schema.name, schema)
  }
  for (const part of [schema.type, schema.items, schema.values]) if (isSchema(part)) collect(part, names, own)
  for (const field of (schema.fields ?? []) as { type: Schema }[]) collect(field.type, names, own)
}

const isSchema = (part: unknown): part is Schema => typeof part === 'object' && part !== null

const same = (value: unknown) => value as Value
const nullable = (convert: (value: unknown) => Value) => (value: unknown) => (value === null ? null : convert(value))

const simple: Readonly<Record<string, string>> = {
  null: 'utf8',
  boolean: 'boolean',
  int: 'int32',
  long: 'int64',
  float: 'float32',
  double: 'float64',
  bytes: 'binary',
  string: 'utf8',
}

/** The Arrow type, and by what the stored number is multiplied. */
const times: Readonly<Record<string, readonly [type: string, factor: bigint]>> = {
  date: ['date32', 1n],
  'time-millis': ['time64', 1000n],
  'time-micros': ['time64', 1n],
  'timestamp-millis': ['timestamp(ms, UTC)', 1n],
  'timestamp-micros': ['timestamp(us, UTC)', 1n],
  'timestamp-nanos': ['timestamp(ns, UTC)', 1n],
  'local-timestamp-millis': ['timestamp(ms)', 1n],
  'local-timestamp-micros': ['timestamp(us)', 1n],
  'local-timestamp-nanos': ['timestamp(ns)', 1n],
}

const asText: Mapped = { type: typeOf('utf8'), convert: nullable(value => JSON.stringify(plain(value))) }

/** `inside`: the records that this one stands in; one that holds itself becomes JSON text. */
function map(schema: Schema, names: ReadonlyMap<string, Schema>, inside: readonly Schema[]): Mapped {
  if (Array.isArray(schema)) return mapUnion(schema, names, inside)
  if (typeof schema === 'string') {
    const known = Object.hasOwn(simple, schema) ? simple[schema] : undefined
    if (known !== undefined) return { type: typeOf(known), convert: same }
    const named = names.get(schema)
    return named === undefined ? asText : map(named, names, inside)
  }
  const logical = logicalOf(schema)
  if (logical !== undefined) return logical
  switch (schema.type) {
    case 'enum':
      return { type: typeOf('utf8'), convert: same }
    case 'fixed':
      return { type: typeOf('binary'), convert: same }
    case 'array': {
      const item = map(schema.items as Schema, names, inside)
      return {
        type: new List(new Field('item', item.type, true)),
        convert: nullable(value => (value as unknown[]).map(item.convert)),
      }
    }
    case 'map': {
      const item = map(schema.values as Schema, names, inside)
      const entries = new Struct([new Field('key', typeOf('utf8'), false), new Field('value', item.type, true)])
      return {
        type: new Map_(new Field('entries', entries as never, false)),
        convert: nullable(value => convertEach(value as object, () => item.convert)),
      }
    }
    case 'record':
      return mapRecord(schema, names, inside)
    default:
      return map(schema.type, names, inside)
  }
}

function mapRecord(schema: Schema & object, names: ReadonlyMap<string, Schema>, inside: readonly Schema[]): Mapped {
  const fields = (schema as { fields?: { name: string; type: Schema }[] }).fields ?? []
  if (inside.includes(schema) || fields.length === 0) return asText
  const members = new Map(fields.map(field => [field.name, map(field.type, names, [...inside, schema])]))
  return {
    type: new Struct([...members].map(([name, member]) => new Field(name, member.type, true))),
    convert: nullable(value => convertEach(value as object, name => members.get(name)!.convert)),
  }
}

function mapUnion(branches: readonly Schema[], names: ReadonlyMap<string, Schema>, inside: readonly Schema[]): Mapped {
  const [only, ...others] = branches.filter(branch => branch !== 'null')
  const inner = (value: unknown) => Object.values(value as object)[0] as unknown
  if (only === undefined || others.length > 0)
    return { type: asText.type, convert: nullable(value => asText.convert(inner(value))) }
  const { type, convert } = map(only, names, inside)
  return { type, convert: nullable(value => convert(inner(value))) }
}

function logicalOf(schema: { [key: string]: unknown }): Mapped | undefined {
  const logical = String(schema.logicalType)
  if (Object.hasOwn(times, logical) && (schema.type === 'int' || schema.type === 'long')) {
    const [type, factor] = times[logical]!
    if (logical === 'date') return { type: typeOf(type), convert: same }
    return { type: typeOf(type), convert: nullable(value => BigInt(value as number | bigint) * factor) }
  }
  const { precision, scale = 0 } = schema
  if (logical !== 'decimal' || !(Number(precision) >= 1 && Number(precision) <= 38)) return undefined
  if (schema.type !== 'bytes' && schema.type !== 'fixed') return undefined
  return {
    type: typeOf(`decimal128(${precision}, ${scale})`),
    convert: nullable(value => `${unscaledOf(value as Buffer)}e-${scale}`),
  }
}

/** Two's complement, most significant byte first. */
function unscaledOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
}

function convertEach(value: object, of: (name: string) => (value: unknown) => Value): Value {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, of(name)(inner)]))
}

/** For JSON text: bytes as base64, large integers as text. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}
