import { identifier, literal } from '../../drivers/duckdb/duckdb.ts'
import { readSql } from '../../drivers/lake/copy.ts'
import type { Chunk } from '../../drivers/lake/manifest.ts'
import type { Column } from './columns.ts'
import { isOf, keyColumn, textSql } from './pool.ts'

/** SELECTs over the rows of partitions, wherever they wait: in the pool, in chunks, in pieces. */

export type Values = readonly (string | null)[]

/** Of a chunk's rows, those of partitions that wait since it or longer; the pool counts as the newest of chunks. */
const chunkColumn = '_millrace_chunk'
const fileColumn = '_millrace_file'
const numberColumn = '_millrace_n'
const newest = Number.MAX_SAFE_INTEGER

/** Tables with the same columns, some of which one of them may lack: in the order in which rows came. */
const together = (tables: readonly string[]): string => ['(from pool limit 0)', ...tables].join(' union all by name ')

/** The columns of a file, in their types. */
export const columnsSql = (columns: readonly Column[]): string =>
  columns.map(({ name, sql }) => `cast(${identifier(name)} as ${sql}) as ${identifier(name)}`).join(', ')

/** All rows of a partition. `shared`: SELECTs of those that are not in pieces. */
export function rowsSql(columns: readonly Column[], pieces: readonly string[], shared: readonly string[]): string {
  const list = columnsSql(columns)
  // these have all columns, where a file may lack those that came later
  if (pieces.length === 0 && shared.length === 1 && /^from (pool|bulk) /.test(shared[0]!))
    return `select ${list} ${shared[0]}`
  const tables = [...(pieces.length === 0 ? [] : [`from ${readSql(pieces)}`]), ...shared]
  return `select ${list} from (${together(tables.map(table => `(${table})`))})`
}

/** The rows of one partition in the pool and in chunks, for a few partitions. */
export function sharedRows(values: Values, chunks: readonly string[], fresh: boolean): string[] {
  const where = isOf(values)
  return [
    ...(chunks.length === 0 ? [] : [`from ${readSql(chunks)} where ${where}`]),
    ...(fresh ? [`from pool where ${where}`] : []),
  ]
}

export interface Wanted {
  values: Values
  /** its first chunk, where it has rows in any */
  chunk: number | undefined
}

/** Puts partitions into a table, numbered from 0. */
export function wantedSql(table: string, wanted: readonly Wanted[], levels: number): string {
  const keys = Array.from({ length: levels }, (_, at) => keyColumn(at))
  const rows = wanted.map(({ values, chunk = newest }, n) =>
    [n, chunk, ...values.map(value => (value === null ? 'null::varchar' : textSql(value)))].join(', '),
  )
  const names = ['n', 'since', ...keys].join(', ')
  return `create or replace temp table ${table} as select * from (values ${rows.map(row => `(${row})`).join(', ')}) as t(${names})`
}

const matches = (left: string, right: string, levels: number): string =>
  [
    'true',
    ...Array.from(
      { length: levels },
      (_, at) => `${left}.${keyColumn(at)} is not distinct from ${right}.${keyColumn(at)}`,
    ),
  ].join(' and ')

/** Rows of chunks, each with the chunk's number: one scan, since a plan over a hundred would take longer than the rows. */
function numbered(chunks: readonly Chunk[], pathOf: (file: string) => string): string[] {
  if (chunks.length === 0) return []
  const paths = chunks.map(({ file }) => pathOf(file))
  const numbers = chunks.map(({ seq }, at) => `(${literal(paths[at]!)}, ${seq}::bigint)`).join(', ')
  const rows = readSql(paths, `, filename = '${fileColumn}'`)
  return [
    `(select r.* exclude (${fileColumn}), c.seq as ${chunkColumn} from ${rows} as r join (values ${numbers}) as c(file, seq) on r.${fileColumn} = c.file)`,
  ]
}

/** Gathers the rows of many partitions (table `wanted`) from pool and chunks into a table `bulk`, side by side. */
export function bulkSql(chunks: readonly Chunk[], pathOf: (file: string) => string, levels: number): string {
  const tables = [...numbered(chunks, pathOf), `(select *, ${newest}::bigint as ${chunkColumn} from pool)`]
  return `create or replace table bulk as select s.* exclude (${chunkColumn}), w.n as ${numberColumn}
    from (${together(tables)}) as s join wanted as w on ${matches('s', 'w', levels)} and s.${chunkColumn} >= w.since
    order by ${numberColumn}`
}

export const inBulk = (n: number): string[] => [`from bulk where ${numberColumn} = ${n}`]

/** What goes to the next chunk: rows of the pool that are not `taken`, and those of small chunks that still wait. */
export function leftSql(
  { taken, merged }: { taken: boolean; merged: readonly Chunk[] },
  pathOf: (file: string) => string,
  levels: number,
): string {
  const fresh = `select * from pool${taken ? ` where not exists (from taken where ${matches('taken', 'pool', levels)})` : ''}`
  if (merged.length === 0) return fresh
  const older = `select s.* exclude (${chunkColumn}) from (${together(numbered(merged, pathOf))}) as s
    where exists (from waiting as w where ${matches('s', 'w', levels)} and s.${chunkColumn} >= w.since)`
  return `(${older}) union all by name (${fresh})`
}
