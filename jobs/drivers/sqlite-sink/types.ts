import { type DataType, TimeUnit } from 'apache-arrow'
import { type Kind, kindOf } from '../../runtime/batch/kinds.ts'
import { nameOf } from '../../runtime/batch/types.ts'

/** What SQLite makes of values in a column, by its declared type (https://www.sqlite.org/datatype3.html#determination_of_column_affinity). */
export type Affinity = 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC'

/**
 * How the values of each kind lie in SQLite. Nothing is rounded on the way:
 * - `integer`, `boolean` (0, 1) as INTEGER; `uint64` as INTEGER up to 2^63-1, above as decimal text
 * - `real` as REAL; SQLite has no NaN, which becomes null
 * - `decimal` as text with all digits of its scale
 * - `timestamp` as text `YYYY-MM-DD HH:MM:SS.ffffff` in UTC (`.fffffffff` for nanoseconds), or as microseconds since 1970
 *   where the column of the table is an integer; `date` as `YYYY-MM-DD`, `time` as `HH:MM:SS.ffffff`
 * - `text`, `blob`; `json`: lists, structs and maps as JSON text
 */
const declared: Readonly<Record<Kind, string>> = {
  integer: 'INTEGER',
  uint64: 'ANY',
  boolean: 'INTEGER',
  real: 'REAL',
  decimal: 'TEXT',
  text: 'TEXT',
  date: 'TEXT',
  time: 'TEXT',
  timestamp: 'TEXT',
  blob: 'BLOB',
  json: 'TEXT',
}

/** The type that a column of ours is declared with. In a table that is not STRICT, ANY would round. */
export const declare = (kind: Kind, strict: boolean): string => (kind === 'uint64' && !strict ? 'BLOB' : declared[kind])

/** Columns of staged rows hold values as they are bound. */
export const staged = (kind: Kind): Affinity => (kind === 'uint64' ? 'BLOB' : (declared[kind] as Affinity))

/** In STRICT tables the types are few, and ANY keeps all as it is. */
export function affinityOf(declaration: string, strict: boolean): Affinity {
  const type = declaration.toUpperCase()
  if (strict && type === 'ANY') return 'BLOB'
  if (type.includes('INT')) return 'INTEGER'
  if (/CHAR|CLOB|TEXT/.test(type)) return 'TEXT'
  if (type === '' || type.includes('BLOB')) return 'BLOB'
  return /REAL|FLOA|DOUB/.test(type) ? 'REAL' : 'NUMERIC'
}

const holds: Readonly<Record<Kind, readonly Affinity[]>> = {
  integer: ['INTEGER', 'NUMERIC', 'BLOB'],
  uint64: ['BLOB', 'TEXT', 'INTEGER'],
  boolean: ['INTEGER', 'NUMERIC', 'BLOB'],
  real: ['REAL', 'NUMERIC', 'BLOB'],
  decimal: ['TEXT', 'BLOB'],
  text: ['TEXT', 'BLOB'],
  date: ['TEXT', 'NUMERIC', 'BLOB'],
  time: ['TEXT', 'NUMERIC', 'BLOB'],
  timestamp: ['TEXT', 'NUMERIC', 'BLOB', 'INTEGER'],
  blob: ['BLOB'],
  json: ['TEXT', 'NUMERIC', 'BLOB'],
}

/** Why a column of a table cannot hold values of the type unchanged; undefined: it can. */
export function misfit(type: DataType, affinity: Affinity, declaration: string): string | undefined {
  const kind = kindOf(type)
  const instead = `declare it ${declare(kind, false)}, or cast the column`
  const place = declaration === affinity ? declaration : `${declaration || 'of no type'} (affinity ${affinity})`
  if (!holds[kind].includes(affinity)) return `it is ${place}, and the rows have ${nameOf(type)}: ${instead}`
  if (kind === 'timestamp' && affinity === 'INTEGER' && (type as { unit?: TimeUnit }).unit === TimeUnit.NANOSECOND)
    return `it is ${place}, which holds microseconds, and the rows have ${nameOf(type)}: ${instead}`
  return undefined
}
