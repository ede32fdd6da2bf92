import { type DataType, Field, List, Schema, Struct } from 'apache-arrow'
import { typeOf } from '../../../runtime/batch/types.ts'

/**
 * Types of columns from a sample of their values, as DuckDB would find them, but for what would lose something: only
 * ISO 8601 counts as a date, and a number with zeros before it (a post code) is text.
 */
export interface Inference {
  /** A row of the sample; members that are missing say nothing. */
  add(row: Readonly<Record<string, unknown>>): void
  fields(): Field[]
}

export function createInference(): Inference {
  const columns = new Map<string, Seen>()
  return {
    add: row => addMembers(columns, row),
    fields: () => fieldsOf(columns),
  }
}

/** A line of JSON as a sample: numbers with a point or exponent are NaN, since only their sort counts. */
export function sampleOfJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || context?.source === undefined) return value
    return /[.e]/i.test(context.source) ? Number.NaN : BigInt(context.source)
  })
}

/** A text of CSV as the value that it looks like. */
export function sampleOfText(text: string): unknown {
  if (/^-?(0|[1-9]\d*)$/.test(text)) return BigInt(text)
  if (/^-?(0|[1-9]\d*)?\.\d+$|^-?(0|[1-9]\d*)(\.\d+)?e[+-]?\d+$/i.test(text)) return Number.NaN
  if (/^(true|false)$/i.test(text)) return true
  return text
}

type Sort = 'boolean' | 'int64' | 'large' | 'float64' | 'date32' | 'timestamp' | 'utf8' | 'object' | 'array' | 'mixed'

interface Seen {
  /** undefined: only nulls so far */
  sort: Sort | undefined
  members: Map<string, Seen>
  item: Seen | undefined
}

const nothing = (): Seen => ({ sort: undefined, members: new Map(), item: undefined })

function addMembers(columns: Map<string, Seen>, row: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(row)) {
    let seen = columns.get(name)
    if (seen === undefined) columns.set(name, (seen = nothing()))
    addValue(seen, value)
  }
}

function addValue(seen: Seen, value: unknown): void {
  if (value === null || value === undefined) return
  const sort = sortOf(value)
  seen.sort = seen.sort === undefined ? sort : join(seen.sort, sort)
  if (seen.sort === 'object') addMembers(seen.members, value as Record<string, unknown>)
  if (seen.sort === 'array') for (const item of value as unknown[]) addValue((seen.item ??= nothing()), item)
}

const most64 = (1n << 63n) - 1n

function sortOf(value: unknown): Sort {
  switch (typeof value) {
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return value <= most64 && value >= -most64 - 1n ? 'int64' : 'large'
    case 'number':
      return 'float64'
    case 'string':
      return textSort(value)
    default:
      return Array.isArray(value) ? 'array' : 'object'
  }
}

const date = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/
const timestamp =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?\s*(Z|[+-]\d\d(:?\d\d)?)?$/

function textSort(text: string): Sort {
  if (date.test(text)) return 'date32'
  return timestamp.test(text) ? 'timestamp' : 'utf8'
}

/** Sorts whose values fit into another. */
const wider: readonly (readonly [Sort, Sort, Sort])[] = [
  ['int64', 'float64', 'float64'],
  ['int64', 'large', 'large'],
  ['large', 'float64', 'float64'],
  ['date32', 'timestamp', 'timestamp'],
  ['date32', 'utf8', 'utf8'],
  ['timestamp', 'utf8', 'utf8'],
]

function join(a: Sort, b: Sort): Sort {
  if (a === b) return a
  return wider.find(([one, other]) => (one === a && other === b) || (one === b && other === a))?.[2] ?? 'mixed'
}

/** An object with more names is rather a map, and stays JSON text. */
const mostMembers = 200

function typeFor({ sort, members, item }: Seen): DataType {
  if (sort === 'large') return typeOf('decimal128(38, 0)')
  if (sort === 'object' && members.size > 0 && members.size <= mostMembers) return new Struct(fieldsOf(members))
  if (sort === 'array' && item?.sort !== undefined) return new List(new Field('item', typeFor(item), true))
  if (sort === undefined || sort === 'mixed' || sort === 'object' || sort === 'array') return typeOf('utf8')
  return typeOf(sort)
}

const fieldsOf = (columns: Map<string, Seen>): Field[] =>
  [...columns].map(([name, seen]) => new Field(name, typeFor(seen), true))

/** The fields with the types that the configuration wants, which may name further columns. */
export function withTypes(fields: readonly Field[], types: Readonly<Record<string, string>>): Schema {
  const named = fields.map(field =>
    Object.hasOwn(types, field.name) ? new Field(field.name, typeOf(types[field.name]!), true) : field,
  )
  const others = Object.keys(types).filter(name => !fields.some(field => field.name === name))
  return new Schema([...named, ...others.map(name => new Field(name, typeOf(types[name]!), true))])
}
