import { qualified } from '../../drivers/postgres/names.ts'
import { type ReadType, readType } from '../../drivers/postgres/read-types.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { PostgresSourceConfig } from './postgres.ts'

export interface Column extends ReadType {
  name: string
  /** as `format_type` writes it, for casts of values of the key */
  declared: string
  nullable: boolean
}

/** What the catalog says of the table. */
export interface Table {
  /** `public.orders`, for messages and positions */
  shown: string
  /** as SQL has it */
  sql: string
  columns: readonly Column[]
  primaryKey: readonly string[]
  /** policies of the table decide which rows this user sees */
  hides: boolean
  /** columns that order the rows, and tell any two of them apart */
  key: readonly Column[]
}

interface ColumnRow extends Record<string, unknown> {
  name: string
  declared: string
  type: string
  modifier: number
  notnull: boolean
}

const kindsOf: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  c: 'a type',
}

export async function readTable(session: PgSession, { schema, table, key }: PostgresSourceConfig): Promise<Table> {
  const shown = `${schema}.${table}`
  const sql = qualified(schema, table)
  const { rows: kinds } = await session.query<{ oid: number; kind: string; hides: boolean }>(
    'SELECT oid, relkind::text AS kind, row_security_active(oid) AS hides FROM pg_catalog.pg_class WHERE oid = to_regclass($1)',
    [sql],
  )
  const [found] = kinds
  if (found === undefined) {
    const { rows } = await session.query<{ name: string }>(
      `SELECT relname::text AS name FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(quote_ident($1))
         AND relkind IN ('r', 'p', 'm') ORDER BY 1 LIMIT 20`,
      [schema],
    )
    const names = rows.map(({ name }) => name).join(', ') || 'none'
    throw bad(`${session.label} has no table ${shown} (of those in ${schema}: ${names})`, 'table')
  }
  const columns = await columnsOf(session, found.oid)
  const unique = await uniqueOf(session, found.oid)
  const primaryKey = unique.find(({ primary }) => primary)?.columns ?? []
  return {
    shown,
    sql,
    columns,
    primaryKey,
    hides: found.hides,
    key: keyOf({ shown, kind: kindsOf[found.kind] ?? 'a table' }, columns, unique, key),
  }
}

async function columnsOf(session: PgSession, oid: number): Promise<Column[]> {
  const { rows } = await session.query<ColumnRow>(
    // a domain is read as the type that it stands for
    `SELECT a.attname::text AS name, format_type(a.atttypid, -1) AS declared, a.attnotnull AS notnull,
       coalesce(base.typname, own.typname)::text AS type,
       CASE WHEN base.oid IS NULL THEN a.atttypmod ELSE own.typtypmod END AS modifier
     FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type own ON own.oid = a.atttypid
       LEFT JOIN pg_catalog.pg_type base ON own.typtype = 'd' AND base.oid = own.typbasetype
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [oid],
  )
  return rows.map(({ name, declared, type, modifier, notnull }) => ({
    name,
    declared,
    nullable: !notnull,
    ...readType({ name: type, modifier }),
  }))
}

interface Unique {
  primary: boolean
  columns: string[]
}

/** Unique indexes over whole columns that have no nulls. */
async function uniqueOf(session: PgSession, oid: number): Promise<Unique[]> {
  const { rows } = await session.query<Record<keyof Unique, never> & Unique>(
    `SELECT i.indisprimary AS primary, array_agg(a.attname::text ORDER BY place.at) AS columns
     FROM pg_catalog.pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS place(attnum, at), pg_catalog.pg_attribute a
     WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
       AND place.at <= i.indnkeyatts AND a.attrelid = i.indrelid AND a.attnum = place.attnum
     GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)
     ORDER BY i.indisprimary DESC, i.indexrelid`,
    [oid],
  )
  return rows
}

function keyOf(
  { shown, kind }: { shown: string; kind: string },
  columns: readonly Column[],
  unique: readonly Unique[],
  wanted: readonly string[],
): Column[] {
  const column = (name: string): Column => {
    const found = columns.find(candidate => candidate.name === name)
    if (found !== undefined) return found
    throw bad(
      `${shown} has no column ${JSON.stringify(name)}: it has ${columns.map(({ name }) => name).join(', ')}`,
      'key',
    )
  }
  const named = wanted.map(column)
  if (named.length === 0) {
    const primary = unique.find(({ primary }) => primary)
    if (primary !== undefined) return primary.columns.map(column)
    throw bad(
      `${shown} is ${kind} without a primary key, so that its rows have no order to read them by: name the columns of a unique index without nulls in \`key\`${choicesOf(unique)}`,
      'key',
    )
  }
  // any more columns change the order, and not that it is one
  if (unique.some(({ columns: each }) => each.every(name => wanted.includes(name)))) return named
  throw bad(
    `${shown} may have two rows with the same ${wanted.join(', ')}, of which one would be left out: a key needs a unique index without nulls${choicesOf(unique)}`,
    'key',
  )
}

const choicesOf = (unique: readonly Unique[]): string =>
  unique.length === 0
    ? ', and it has none'
    : `: it has ${unique.map(({ columns }) => `(${columns.join(', ')})`).join(', ')}`

const bad = (message: string, key: string) => new PipelineError('bad_pipeline', message, { path: [key] })
