import { isDeepStrictEqual } from 'node:util'
import type { RecordBatch, Schema } from 'apache-arrow'
import { arrowSettings, decode } from '../../drivers/clickhouse/arrow.ts'
import type { ClickHouse, QueryOptions } from '../../drivers/clickhouse/client.ts'
import { type Description, isReplacing } from '../../drivers/clickhouse/describe.ts'
import { quote, quoteTable } from '../../drivers/clickhouse/names.ts'
import { parseType, readable } from '../../drivers/clickhouse/types.ts'
import { concat } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import { equal, keyName, notNaN, type SortKey } from './key.ts'
import { lower, type Place, upper } from './position.ts'

/** What is read of a table. */
export interface Selection {
  table: Description
  key: SortKey
  /** names, in order */
  columns: readonly string[]
  filter: string | undefined
}

export interface PageSize {
  /** of the table, before the filter */
  rows: number
  /** of a numeric first part of the key */
  range: number
}

/** The SQL of a selection. */
export interface Pages {
  schema(options: QueryOptions): Promise<Schema>
  /** Whether a row that is wanted has a key that is NaN: it is on no page. */
  hasNaN(options: QueryOptions): Promise<boolean>
  /** Where the table ends now; undefined: it is empty. */
  last(options: QueryOptions): Promise<Place | undefined>
  /** Where a page ends that begins at a place, before `end`; undefined: nothing is left. */
  bound(from: Place, end: Place, options: QueryOptions & PageSize): Promise<Place | undefined>
  /** All rows between two places; undefined: there is none. */
  read(from: Place, to: Place, options: QueryOptions): Promise<{ batch: RecordBatch | undefined; bytes: number }>
}

export function createPages(server: ClickHouse, { table, key, columns, filter }: Selection): Pages {
  const from = quoteTable(table.name)
  const { parts, numeric } = key
  const order = parts.map(({ sql }) => sql).join(', ')
  const types = new Map(table.columns.map(({ name, type }) => [name, type]))
  const replacing = isReplacing(table)
  const [version, deleted] = replacing ? table.args : []
  const hash = hashOf(table)
  const texts = parts.map(({ text }, at) => `${text} AS ${keyName(at)}`).join(', ')
  const output = [
    ...columns.map(name => readable(quote(name), types.get(name)!, quote(name))),
    ...(deleted === undefined || columns.includes(OP) ? [] : [`if(${quote(deleted)} = 0, 'i', 'd') AS ${OP}`]),
  ].join(', ')
  // for the filter, too: what is not used is not read
  const computed = table.columns.filter(({ kind }) => kind === 'MATERIALIZED' || kind === 'ALIAS')
  const all = ['*', ...computed.map(({ name }) => quote(name))].join(', ')
  // on a level of its own: whatever it says, the bounds of the page hold
  const kept = (rows: string) => (filter === undefined ? rows : `(SELECT ${all} FROM ${rows} WHERE (${filter}\n))`)

  const comparable = notNaN(parts)

  const between = (low: Place, high: Place) => {
    // NaN is greater than nothing, so that NOT would let it in
    const conditions = [...lower(key, low, hash), ...upper(key, high, hash), ...comparable]
    return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  }

  /** Of a table that replaces, the newest version of each key: as FINAL, but with the rows that are deleted. */
  function selectSql(low: Place, high: Place): string {
    const where = between(low, high)
    if (!replacing) return `SELECT ${output} FROM ${kept(`(SELECT ${all} FROM ${from}${where})`)}`
    const newest = [
      ...(version === undefined ? [] : [`${quote(version)} DESC`]),
      `${blockOfPart} DESC`,
      '_part_offset DESC',
    ]
    const rows = `(SELECT ${all} FROM ${from}${where} ORDER BY ${order}, ${newest.join(', ')} LIMIT 1 BY ${order})`
    return `SELECT ${output} FROM ${kept(rows)}`
  }

  async function keyAt(where: string, offset: number, options: QueryOptions): Promise<string[] | undefined> {
    const [found] = await server.rows<Record<string, string>>(
      `SELECT ${texts} FROM ${from}${where} ORDER BY ${order} LIMIT 1 OFFSET ${offset}`,
      options,
    )
    return found && parts.map((_, at) => found[keyName(at)]!)
  }

  /** Of a key with more rows than a page may have. */
  async function boundWithin(values: string[], where: string, high: Place, rows: number, options: QueryOptions) {
    // its versions make one row
    if (replacing) return { after: values }
    const and = `${where === '' ? ' WHERE' : `${where} AND`} ${equal(parts, values)}`
    const [first, next] = await Promise.all(
      [0, rows].map(async offset => {
        const sql = `SELECT toString(${hash}) AS _gs_hash FROM ${from}${and} ORDER BY ${hash} LIMIT 1 OFFSET ${offset}`
        const [found] = await server.rows<{ _gs_hash: string }>(sql, options)
        return found === undefined ? undefined : BigInt(found._gs_hash)
      }),
    )
    if (next === undefined) return 'in' in high && isDeepStrictEqual(high.in, values) ? high : { after: values }
    return { in: values, hash: String(next === first ? next : next - 1n) }
  }

  return {
    async schema(options) {
      const { schema } = decode(
        await server.bytes(`SELECT * FROM (${selectSql({}, {})}) LIMIT 0 FORMAT ArrowStream`, {
          ...options,
          settings: arrowSettings,
        }),
      )
      return schema
    },
    async hasNaN(options) {
      if (comparable.length === 0) return false
      const rows = kept(`(SELECT ${all} FROM ${from} WHERE NOT (${comparable.join(' AND ')}))`)
      return (await server.rows(`SELECT 1 FROM ${rows} LIMIT 1`, options)).length > 0
    },
    async last(options) {
      const descending = parts.map(({ sql }) => `${sql} DESC`).join(', ')
      const [found] = await server.rows<Record<string, string>>(
        `SELECT ${texts} FROM ${from}${between({}, {})} ORDER BY ${descending} LIMIT 1`,
        options,
      )
      return found && { after: parts.map((_, at) => found[keyName(at)]!) }
    },
    async bound(low, high, { rows, range, ...options }) {
      const where = between(low, high)
      const [first, next] = await Promise.all([keyAt(where, 0, options), keyAt(where, rows, options)])
      if (first === undefined) return undefined
      if (next !== undefined && isDeepStrictEqual(first, next)) return boundWithin(first, where, high, rows, options)
      const limit = numeric ? BigInt(first[0]!) + BigInt(range) : undefined
      const last = next ?? ('from' in high ? high.from : 'after' in high ? high.after : undefined)
      if (limit !== undefined && last !== undefined && BigInt(last[0]!) > limit) return { from: [String(limit)] }
      return next === undefined ? high : { from: next }
    },
    async read(low, high, options) {
      const bytes = await server.bytes(`${selectSql(low, high)} FORMAT ArrowStream`, {
        ...options,
        settings: { ...arrowSettings, ...options.settings },
      })
      const { batches } = decode(bytes)
      return { batch: batches.length === 0 ? undefined : concat(batches), bytes: bytes.length }
    },
  }
}

/** The number of the insert that a row came with; a merged part has that of its newest. */
const blockOfPart = "toUInt64(splitByChar('_', _part)[3])"

/** Rows that are the same in all columns have the same, which is no loss: they cannot be told apart. */
function hashOf({ columns }: Description): string {
  const hashed = columns.filter(
    ({ type, kind }) =>
      kind !== 'ALIAS' &&
      kind !== 'EPHEMERAL' &&
      !/^(JSON|Object|Dynamic|Variant|AggregateFunction)/.test(parseType(type).name),
  )
  return `cityHash64(${hashed.map(({ name }) => quote(name)).join(', ')})`
}
