import * as z from 'zod'
import { identifier, literal } from '../duckdb/duckdb.ts'

/** Keys of Parquet files that the sink and the compaction have in common. */

export const compressions = {
  zstd: 'zstd',
  snappy: 'snappy',
  gzip: 'gzip',
  lz4: 'lz4_raw',
  none: 'uncompressed',
} as const

export const compression = z.enum(['zstd', 'snappy', 'gzip', 'lz4', 'none'])

export interface CopyOptions {
  compression: keyof typeof compressions
  /** of zstd */
  level?: number | undefined
  /** rows of a row group */
  groupRows: number
}

/** Writes the rows of a SELECT to a file. */
export function copySql(select: string, path: string, { compression, level, groupRows }: CopyOptions): string {
  const options = [
    'format parquet',
    `compression ${compressions[compression]}`,
    ...(level === undefined ? [] : [`compression_level ${level}`]),
    `row_group_size ${groupRows}`,
    // it is no file that anybody reads yet
    'use_tmp_file false',
  ]
  return `copy (${select}) to ${literal(path)} (${options.join(', ')})`
}

/** Rows of a row group where nobody says: DuckDB's number, and fewer where rows are large. */
export function groupRows(rowBytes: number): number {
  const fitting = Math.floor((64 * 1024 * 1024) / Math.max(1, rowBytes))
  return Math.max(2048, Math.min(122_880, fitting))
}

export interface SortColumn {
  name: string
  descending: boolean
}

/** `ts desc` and `id`, in one text or several. */
export const sortBy = z.union([z.string(), z.array(z.string())]).transform((given, issues) => {
  const parts = (typeof given === 'string' ? given.split(',') : given).map(part => part.trim())
  const columns: SortColumn[] = []
  for (const part of parts) {
    const [, name, direction] = /^(.+?)(?:\s+(asc|desc))?$/i.exec(part) ?? []
    if (name === undefined) {
      issues.addIssue({
        code: 'custom',
        message: `expected columns such as \`ts\` or \`ts desc\`, got ${JSON.stringify(part)}`,
      })
      return z.NEVER
    }
    columns.push({ name, descending: direction?.toLowerCase() === 'desc' })
  }
  return columns
})

export const orderSql = (columns: readonly SortColumn[]): string =>
  columns.length === 0
    ? ''
    : ` order by ${columns.map(({ name, descending }) => `${identifier(name)}${descending ? ' desc' : ''}`).join(', ')}`

/** Rows of Parquet files, by column name. What their folders are called is not looked at. `more`: further options. */
export const readSql = (paths: readonly string[], more = ''): string =>
  `read_parquet([${paths.map(literal).join(', ')}], union_by_name = true, hive_partitioning = false${more})`
