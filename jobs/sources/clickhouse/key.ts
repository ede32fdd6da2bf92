import type { ClickHouse } from '../../drivers/clickhouse/client.ts'
import type { Description } from '../../drivers/clickhouse/describe.ts'
import { literal, quoteTable, showTable } from '../../drivers/clickhouse/names.ts'
import { type ChType, isNullable, isWhole, parseType } from '../../drivers/clickhouse/types.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** A part of the sort key that rows are read in the order of. */
export interface KeyPart {
  /** as the table has it: a column, or a function of some */
  sql: string
  /** its values are written as texts that are cast to this */
  type: string
  /** gives that text */
  text: string
  /** its values may be NaN, which is not before, at or behind any other */
  isFloat: boolean
}

export interface SortKey {
  parts: readonly KeyPart[]
  /** the first part is a whole number */
  numeric: boolean
}

/** Of a part in a SELECT: no column is called so, and none is hidden by it. */
export const keyName = (at: number): string => `_gs_key_${at}`

/** Throws `bad_pipeline` where a table cannot be read in the order of a key. */
export async function sortKeyOf(server: ClickHouse, table: Description): Promise<SortKey> {
  const shown = showTable(table.name)
  const wrong = (message: string) => new PipelineError('bad_pipeline', message, { path: ['table_name'] })
  if (!table.engine.endsWith('MergeTree'))
    throw wrong(
      `table ${shown} is of the engine ${table.engine}, which has no order to read it in: name a table of the MergeTree family`,
    )
  const expressions = table.sortingKey
  if (expressions.length === 0)
    throw wrong(
      `table ${shown} has no sort key (ORDER BY tuple()), so that it cannot be read in pages: order it by some columns`,
    )
  const descending = expressions.find(expression => /\sDESC$/i.test(expression))
  if (descending !== undefined)
    throw wrong(`table ${shown} is ordered by ${descending}, and can be read in ascending order only`)
  const list = expressions.map((expression, at) => `${expression} AS ${keyName(at)}`).join(', ')
  const types = await server.rows<{ type: string }>(`DESCRIBE TABLE (SELECT ${list} FROM ${quoteTable(table.name)})`)
  const parts = expressions.map((sql, at) => {
    const { type } = types[at]!
    if (isNullable(type))
      throw wrong(`table ${shown} is ordered by ${sql}, which is ${type}: a key with nulls cannot be read in pages`)
    const part = partOf(sql, type)
    if (!part.isFloat && hasFloat(parseType(type)))
      throw wrong(`table ${shown} is ordered by ${sql}, which is ${type}: floats within others cannot be read in pages`)
    return part
  })
  return { parts, numeric: isWhole(types[0]!.type) }
}

function partOf(sql: string, given: string): KeyPart {
  const outer = parseType(given)
  const { name, args, text: type } = outer.name === 'LowCardinality' ? outer.args[0]! : outer
  // bytes that need not be text
  if (name === 'FixedString' || name === 'String') return { sql, type: 'hex', text: `hex(${sql})`, isFloat: false }
  const utc = (scale: string) => ({
    sql,
    type: `DateTime64(${scale}, 'UTC')`,
    text: `toString(CAST(${sql}, ${literal(`DateTime64(${scale}, 'UTC')`)}))`,
    isFloat: false,
  })
  if (name === 'DateTime') return utc('0')
  if (name === 'DateTime64') return utc(args[0]!.name)
  return { sql, type, text: `toString(${sql})`, isFloat: floats.includes(name) }
}

const floats = ['Float32', 'Float64', 'BFloat16']
const hasFloat = ({ name, args }: ChType): boolean => floats.includes(name) || args.some(hasFloat)

const valueSql = ({ type }: KeyPart, value: string): string =>
  type === 'hex' ? `unhex(${literal(value)})` : `CAST(${literal(value)}, ${literal(type)})`

/** The text of a value of the first part that a user wrote. */
export const textOf = ({ type }: KeyPart, value: string): string =>
  type === 'hex' ? Buffer.from(value).toString('hex').toUpperCase() : value

/** `key > values`, or `>=`, in the order of the key; fewer values than parts are a prefix. */
export function behind(parts: readonly KeyPart[], values: readonly string[], inclusive: boolean): string {
  const compare = (at: number): string => {
    const part = parts[at]!
    const value = valueSql(part, values[at]!)
    if (at === values.length - 1) return `${part.sql} ${inclusive ? '>=' : '>'} ${value}`
    return `(${part.sql} > ${value} OR (${part.sql} = ${value} AND ${compare(at + 1)}))`
  }
  return compare(0)
}

/** Bounds of the first part alone, by which the server finds what to read. */
export const atLeast = ([first]: readonly KeyPart[], values: readonly string[]): string =>
  `${first!.sql} >= ${valueSql(first!, values[0]!)}`
export const atMost = ([first]: readonly KeyPart[], values: readonly string[]): string =>
  `${first!.sql} <= ${valueSql(first!, values[0]!)}`

export const equal = (parts: readonly KeyPart[], values: readonly string[]): string =>
  parts.map((part, at) => `${part.sql} = ${valueSql(part, values[at]!)}`).join(' AND ')

/** That no part is NaN. */
export const notNaN = (parts: readonly KeyPart[]): string[] =>
  parts.filter(({ isFloat }) => isFloat).map(({ sql }) => `NOT isNaN(${sql})`)
