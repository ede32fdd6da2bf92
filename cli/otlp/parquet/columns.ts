import type { RowValue } from '../../../core/otlp/rows.ts'
import { type ColumnKind, type OtlpTable, otlpTables, promotedColumn } from '../../../core/otlp/tables.ts'

/** The columns of a table in Parquet: DuckDB's types, and how a value stands in the NDJSON that DuckDB reads. */
export interface ParquetColumn {
  name: string
  kind: ColumnKind
  type: string
}

/** The last but one: DuckDB's own last value means infinity. */
export const timestampMost = 2n ** 63n - 2n

const types: Record<ColumnKind, string> = {
  ns: 'TIMESTAMP_NS',
  u64: 'UBIGINT',
  i64: 'BIGINT',
  int: 'INTEGER',
  bool: 'BOOLEAN',
  real: 'DOUBLE',
  text: 'VARCHAR',
  id: 'VARCHAR',
  json: 'VARCHAR',
}

/** Columns whose values need more than their kind has, or which are lists. */
const special: Readonly<Record<string, string>> = {
  flags: 'UINTEGER',
  dropped_attributes_count: 'UINTEGER',
  dropped_events_count: 'UINTEGER',
  dropped_links_count: 'UINTEGER',
  bucket_counts: 'UBIGINT[]',
  positive_bucket_counts: 'UBIGINT[]',
  negative_bucket_counts: 'UBIGINT[]',
  explicit_bounds: 'DOUBLE[]',
  quantile_values: 'STRUCT(quantile DOUBLE, value DOUBLE)[]',
}

export function parquetColumns(table: OtlpTable, promote: readonly string[]): ParquetColumn[] {
  const own = otlpTables[table].map(([name, kind]) => ({ name, kind, type: special[name] ?? types[kind] }))
  return [...own, ...promote.map(key => ({ name: promotedColumn(key), kind: 'text' as const, type: 'VARCHAR' }))]
}

/** A row as a line of NDJSON, without its NULLs; throws a RangeError for a time that a timestamp cannot hold. */
export function ndjsonLine(columns: readonly ParquetColumn[], row: Readonly<Record<string, RowValue>>): string {
  const parts: string[] = []
  for (const { name, kind, type } of columns) {
    const value = row[name] ?? null
    if (value !== null) parts.push(`"${name}":${jsonOf(name, kind, type, value)}`)
  }
  return `{${parts.join()}}\n`
}

function jsonOf(name: string, kind: ColumnKind, type: string, value: number | bigint | string): string {
  switch (kind) {
    case 'text':
    case 'id':
      return JSON.stringify(value)
    case 'json':
      return type === 'VARCHAR' ? JSON.stringify(value) : String(value)
    case 'bool':
      return String(value !== 0)
    case 'real':
      // JSON has neither NaN nor infinities; DuckDB reads them from text
      if (!Number.isFinite(Number(value))) return `"${value}"`
      return Object.is(value, -0) ? '-0.0' : String(value)
    case 'ns':
      if (BigInt(value) > timestampMost)
        throw new RangeError(
          `${name} ${value} is above ${timestampMost}, the last nanosecond that Parquet files can hold`,
        )
      return String(value)
    default:
      return String(value)
  }
}

/** Reads the lines, and gives the columns their types. */
export function selectSql(columns: readonly ParquetColumn[], file: string, longest: number): string {
  const read = columns.map(({ name, kind, type }) => `${quoted(name)}: '${kind === 'ns' ? 'BIGINT' : type}'`)
  const select = columns.map(({ name, kind }) =>
    kind === 'ns' ? `make_timestamp_ns(${identifier(name)}) as ${identifier(name)}` : identifier(name),
  )
  return `select ${select} from read_json(${quoted(file)}, format = 'newline_delimited', compression = 'zstd',
    maximum_object_size = ${longest}, columns = {${read}})`
}

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
