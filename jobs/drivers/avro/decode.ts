import { DataType as Is, TimeUnit } from 'apache-arrow'
import type { Type } from 'avsc'
import { Misfit } from '../../runtime/batch/coerce.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import type { ColumnBuilder } from './column.ts'
import type { Cursor } from './cursor.ts'
import { decoderOf, type Mapped, mapSchema } from './types.ts'
import { exactly, holds } from './widen.ts'

/** Reads one record at the cursor into the row of all columns; those that the record lacks become null. */
export type RowDecoder = (cursor: Cursor, row: number) => void

type Step = (cursor: Cursor, row: number) => void

/**
 * The decoder of records that were written by `schema`, which may be a union of null and one record. Columns are
 * matched by name, and fields that are no column passed over. Throws where the schema is no record; the decoder throws
 * a Misfit or RangeError on what it cannot read, and the row may then be written again.
 */
export function rowDecoder(schema: unknown, columns: ReadonlyMap<string, ColumnBuilder>): RowDecoder {
  const { record, branch } = recordOf(schema)
  const fields = mapSchema(record)
  if (fields === undefined) throw new Misfit('its schema is no record, so that it has no columns')
  const decoder = decoderOf(record) as Type & { fields: { type: Type }[] }
  const types = (record as { fields: { type: unknown }[] }).fields.map(({ type }) => type)
  const steps: Step[] = fields.map(({ name, column: mapped }, at) => {
    const builder = columns.get(name)
    const step =
      builder === undefined
        ? skipping(types[at], decoder.fields[at]!.type)
        : (direct(types[at], mapped, builder) ?? converting(decoder.fields[at]!.type, mapped, builder))
    return within(name, step)
  })
  const known = new Set(fields.map(({ name }) => name))
  const missing = [...columns].filter(([name]) => !known.has(name)).map(([, builder]) => builder)
  return (cursor, row) => {
    if (branch !== undefined && cursor.int() !== branch) throw new Misfit('it is null')
    for (let at = 0; at < steps.length; at++) steps[at]!(cursor, row)
    for (let at = 0; at < missing.length; at++) missing[at]!.setNull(row)
  }
}

/** The record of a schema, and its place where it stands in a union with null. */
export function recordOf(schema: unknown): { record: unknown; branch: number | undefined } {
  if (!Array.isArray(schema)) return { record: schema, branch: undefined }
  const branch = schema.findIndex(each => typeof each === 'object')
  return { record: schema[branch], branch }
}

/** Names the field where it cannot be read. */
function within(name: string, step: Step): Step {
  return (cursor, row) => {
    try {
      step(cursor, row)
    } catch (error) {
      throw new Misfit(`column ${JSON.stringify(name)}: ${(error as Error).message}`)
    }
  }
}

/** From the bytes into the column, without a value between; undefined where there is no such way. */
function direct(type: unknown, mapped: Mapped, builder: ColumnBuilder): Step | undefined {
  if (nameOf(mapped.type) !== nameOf(builder.type)) return undefined
  if (Array.isArray(type)) {
    const at = type.indexOf('null')
    if (type.length !== 2 || at < 0) return undefined
    const inner = direct(type[1 - at], mapped, builder)
    if (inner === undefined) return undefined
    return (cursor, row) => {
      const branch = cursor.int()
      if (branch === at) builder.setNull(row)
      else if (branch === 1 - at) inner(cursor, row)
      else throw new RangeError(`its union has no branch ${branch}`)
    }
  }
  const { setBytes, setLong, setNumber } = builder
  const base = typeof type === 'string' ? type : (type as { type?: unknown }).type
  switch (base) {
    case 'string':
    case 'bytes':
      if (setBytes === undefined) return undefined
      return (cursor, row) => {
        const length = cursor.size()
        const from = cursor.take(length)
        setBytes(row, cursor.bytes, from, from + length)
      }
    case 'long':
      return setLong ? (cursor, row) => setLong(row, cursor) : undefined
    case 'int':
      return setNumber ? (cursor, row) => setNumber(row, cursor.int()) : undefined
    case 'double':
      return setNumber ? (cursor, row) => setNumber(row, cursor.double()) : undefined
    case 'float':
      return setNumber ? (cursor, row) => setNumber(row, cursor.float()) : undefined
    case 'boolean':
      return setNumber ? (cursor, row) => setNumber(row, cursor.bytes[cursor.take(1)]!) : undefined
    case 'enum': {
      const symbols = (type as { symbols: readonly string[] }).symbols.map(symbol => Buffer.from(symbol))
      if (setBytes === undefined) return undefined
      return (cursor, row) => {
        const at = cursor.int()
        const symbol = symbols[at]
        if (symbol === undefined) throw new RangeError(`its enum has no symbol ${at}`)
        setBytes(row, symbol, 0, symbol.length)
      }
    }
    default:
      return undefined
  }
}

/** By way of a value. */
function converting(type: Type, mapped: Mapped, builder: ColumnBuilder): Step {
  const rescale = timeScale(mapped, builder)
  const check = holds(builder.type, mapped.type) ? undefined : exactly(builder.type)
  return (cursor, row) => {
    const value = mapped.convert(decode(type, cursor))
    check?.(value)
    builder.setValue(row, rescale === undefined || value === null ? value : rescale(value as bigint))
  }
}

function skipping(schema: unknown, type: Type): Step {
  const pass = passing(schema)
  return pass ?? (cursor => void decode(type, cursor))
}

/** Without making a value; undefined where there is no such way. */
function passing(schema: unknown): ((cursor: Cursor) => void) | undefined {
  if (Array.isArray(schema)) {
    const branches = schema.map(passing)
    if (branches.includes(undefined)) return undefined
    return cursor => {
      const at = cursor.int()
      const branch = branches[at]
      if (branch === undefined) throw new RangeError(`its union has no branch ${at}`)
      branch(cursor)
    }
  }
  switch (typeof schema === 'string' ? schema : (schema as { type?: unknown }).type) {
    case 'null':
      return () => {}
    case 'boolean':
      return cursor => void cursor.take(1)
    case 'int':
    case 'long':
    case 'enum':
      return cursor => cursor.long()
    case 'float':
      return cursor => void cursor.take(4)
    case 'double':
      return cursor => void cursor.take(8)
    case 'string':
    case 'bytes':
      return cursor => void cursor.take(cursor.size())
    default:
      return undefined
  }
}

function decode(type: Type, cursor: Cursor): unknown {
  const { value, offset } = type.decode(cursor.bytes.subarray(0, cursor.end), cursor.at)
  if (offset < 0) throw new RangeError('it ends early')
  cursor.at = offset
  return value
}

const perSecond: Readonly<Record<number, bigint>> = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
}

/** Times of another unit would be other times. */
function timeScale(mapped: Mapped, { type }: ColumnBuilder): ((value: bigint) => bigint) | undefined {
  if (!Is.isTimestamp(mapped.type) || !Is.isTimestamp(type) || mapped.type.unit === type.unit) return undefined
  const [from, to] = [perSecond[mapped.type.unit]!, perSecond[type.unit]!]
  return value => {
    const scaled = (value * to) / from
    if ((scaled * from) / to !== value) throw new Misfit(`${value} does not fit ${nameOf(type)}`)
    return scaled
  }
}
