import { DataType, type Field } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { literal, qualified, quote, quoteList } from '../postgres/names.ts'
import type { PgSession } from '../postgres/session.ts'
import { columnType, isNested, misfit } from '../postgres/types.ts'
import { throwFirst } from './problems.ts'

/** A column of rows, or of a table to be made. */
export interface Column {
  name: string
  /** as a table of ours declares it */
  type: string
  /** undefined: no column of the rows */
  field?: Field | undefined
}

export const columnOf = (field: Field): Column => ({ name: field.name, type: columnType(field), field })

export interface TableColumn {
  name: string
  /** as `format_type` writes it: `numeric(10,2)` */
  type: string
  /** the same, of a domain what it stands on */
  base: string
  /** of the column, where it is not that of its type: `"pg_catalog"."C"` */
  collation: string | null
  /** values that COPY writes differently can be equal: `a` and `A` of citext, 1.0 and 1.00, a uuid in capitals */
  folds: boolean
  /** a row must have a value */
  required: boolean
  /** the server computes it, or numbers rows by it and takes no other value */
  generated: boolean
}

export interface Table {
  schema: string
  name: string
  columns: ReadonlyMap<string, TableColumn>
  keys: readonly Key[]
}

/** A unique index that ON CONFLICT can name. */
export interface Key {
  columns: readonly string[]
  /** two nulls are one key */
  nullsEqual: boolean
}

/** Kinds of relations that take no upserts, by `relkind`. */
const kinds: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  i: 'an index',
  S: 'a sequence',
  c: 'a type',
}

/** The table as the catalog has it; undefined where there is none. */
export async function readTable(session: PgSession, schema: string, name: string): Promise<Table | undefined> {
  const place = `(select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${literal(schema)} and c.relname = ${literal(name)})`
  const found = await session.query<{ relkind: string }>(
    `select relkind::text from pg_catalog.pg_class where oid = ${place}`,
  )
  const kind = found.rows[0]?.relkind
  if (kind === undefined) return undefined
  if (kinds[kind] !== undefined)
    throw new PipelineError('bad_pipeline', `${schema}.${name} is ${kinds[kind]}, not a table: name another`, {
      path: ['table'],
    })
  const columns = await session.query<TableColumn>(
    `select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type,
       case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) else format_type(a.atttypid, a.atttypmod) end as base,
       a.attnotnull and not a.atthasdef and a.attidentity = '' as required,
       a.attgenerated <> '' or a.attidentity = 'a' as generated,
       case when a.attcollation <> t.typcollation
         then (select format('%I.%I', n.nspname, l.collname) from pg_catalog.pg_collation l
               join pg_catalog.pg_namespace n on n.oid = l.collnamespace where l.oid = a.attcollation)
       end as collation,
       not (t.typname = any ('{int2,int4,int8,text,bool,date,time,timestamp,timestamptz,bytea}')
         or t.typname = 'varchar' and a.atttypmod < 0 or t.typname = 'numeric' and a.atttypmod >= 0)
         or exists (select 1 from pg_catalog.pg_collation l where l.oid = a.attcollation and not l.collisdeterministic) as folds
     from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
     where a.attrelid = ${place} and a.attnum > 0 and not a.attisdropped order by a.attnum`,
  )
  const keys = await session.query<{ columns: string[]; nullsEqual: boolean }>(
    `select (select array_agg(a.attname::text order by a.attnum) from pg_catalog.pg_attribute a
         where a.attrelid = i.indrelid and a.attnum = any (i.indkey[0:i.indnkeyatts - 1])) as columns,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as "nullsEqual"
     from pg_catalog.pg_index i
     where i.indrelid = ${place} and i.indisunique and i.indisvalid and i.indimmediate
       and i.indpred is null and i.indexprs is null`,
  )
  return { schema, name, columns: new Map(columns.rows.map(column => [column.name, column])), keys: keys.rows }
}

/** The unique key of the table with exactly these columns, in whatever order. */
export function keyOf({ keys }: Table, names: readonly string[]): Key | undefined {
  return keys.find(({ columns }) => columns.length === names.length && names.every(name => columns.includes(name)))
}

export function createSql(
  schema: string,
  name: string,
  columns: readonly Column[],
  key: readonly string[],
  more: readonly string[] = [],
): string {
  const lines = columns.map(column => `${quote(column.name)} ${column.type}`)
  if (key.length > 0) lines.push(`PRIMARY KEY (${quoteList(key)})`)
  return `CREATE TABLE ${qualified(schema, name)} (\n  ${[...lines, ...more].join(',\n  ')}\n)`
}

export const addSql = (schema: string, table: string, { name, type }: Column): string =>
  `ALTER TABLE ${qualified(schema, table)} ADD COLUMN IF NOT EXISTS ${quote(name)} ${type}`

/** Why the rows do not go into the table as they are: every reason. */
export function misfits(table: Table, columns: readonly Column[], key: readonly string[]): PipelineError[] {
  const problems: string[] = []
  const given = new Set(columns.map(({ name }) => name))
  for (const { name, required, generated } of table.columns.values())
    if (required && !generated && !given.has(name))
      problems.push(`column ${quote(name)} must have a value, and the rows have no such column: give it a default`)
  for (const { name, type, field } of columns) {
    const there = table.columns.get(name)
    if (there === undefined) continue
    const reason =
      field === undefined ? differs(type, there.base) : (misfit(field, there.base) ?? narrows(field, there.base))
    if (there.generated) problems.push(`column ${quote(name)} is computed by the table: leave it out of the rows`)
    else if (reason !== undefined) problems.push(`column ${quote(name)}: ${reason}`)
  }
  if (key.length > 0 && keyOf(table, key) === undefined)
    problems.push(`no primary key or unique index is on (${quoteList(key)}): create one, or set primary_key`)
  return problems.map(text => new PipelineError('bad_pipeline', `table ${table.schema}.${table.name}: ${text}`))
}

/** The columns that the table lacks; throws where the others do not fit. */
export function missingColumns(table: Table, columns: readonly Column[], key: readonly string[]): Column[] {
  throwFirst(misfits(table, columns, key))
  return lackedBy(table, columns)
}

export const lackedBy = (table: Table, columns: readonly Column[]): Column[] =>
  columns.filter(({ name }) => !table.columns.has(name))

/** A number that the column would round without a word. */
function narrows(field: Field, declared: string): string | undefined {
  const wanted = columnType(field)
  const answer = `it is ${declared}, which rounds what the rows have, ${wanted}: declare it ${wanted}, or cast the column`
  if (declared === 'real' && wanted === 'DOUBLE PRECISION') return answer
  const [, digits, scale = '0'] = /^numeric\((\d+)(?:,\s*(-?\d+))?\)$/.exec(declared) ?? []
  if (digits === undefined) return undefined
  if (DataType.isFloat(field.type) || Number(scale) < 0) return answer
  const [, wantedDigits, wantedScale] = /^NUMERIC\((\d+), (\d+)\)$/.exec(wanted) ?? []
  if (wantedScale === undefined) return undefined
  if (Number(wantedScale) > Number(scale)) return answer
  return Number(wantedDigits) - Number(wantedScale) > Number(digits) - Number(scale)
    ? `it is ${declared}, which is too small for what the rows have, ${wanted}: declare it ${wanted}`
    : undefined
}

export const spelled = (type: string): string =>
  type
    .toLowerCase()
    .replace(/\s*([(),])\s*/g, '$1')
    .replace(/^timestamp$/, 'timestamp without time zone')
    .replace(/^time$/, 'time without time zone')

/** Columns that are ours are what we would have made them. */
const differs = (wanted: string, declared: string): string | undefined =>
  spelled(wanted) === spelled(declared) ? undefined : `it is ${declared}, not ${wanted}: name another table`

/** Names that every table has already. */
const system = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']
const mostColumns = 1590

/** Columns that no table can have, and keys that no rows have. */
export function columnProblems(columns: readonly Column[], key: readonly string[]): PipelineError[] {
  const problems: PipelineError[] = []
  const wrong = (message: string, ...path: string[]) =>
    problems.push(new PipelineError('bad_pipeline', message, { path }))
  if (columns.length === 0) wrong('the rows have no columns: there is nothing to store')
  if (columns.length > mostColumns)
    wrong(`the rows have ${columns.length} columns, and Postgres takes ${mostColumns} here`)
  for (const [at, { name, field }] of columns.entries()) {
    problems.push(...nameProblems(name, []))
    if (system.includes(name)) wrong(`column ${shown(name)} is one that Postgres keeps itself: rename it`)
    if (columns.findIndex(other => other.name === name) < at) wrong(`there are two columns ${shown(name)}: rename one`)
    if (field !== undefined && key.includes(name) && isNested(field.type))
      wrong(`column ${shown(name)} is a list or struct, which cannot be a key`, 'primary_key')
  }
  const missing = key.filter(name => !columns.some(column => column.name === name))
  if (missing.length > 0)
    wrong(
      `primary_key: columns ${JSON.stringify(missing)} not found in schema. Available columns: ${JSON.stringify(columns.map(({ name }) => name))}`,
      'primary_key',
    )
  return problems
}

/** Names of tables that are ours, and those that no table can have. */
export function tableNameProblems(name: string, path: readonly string[]): PipelineError[] {
  if (!name.startsWith('_millrace_')) return nameProblems(name, path)
  return [
    new PipelineError('bad_pipeline', `a table cannot be called ${name}: names that begin so are taken`, { path }),
  ]
}

function nameProblems(name: string, path: readonly string[]): PipelineError[] {
  try {
    quote(name)
    return []
  } catch (error) {
    return [new PipelineError('bad_pipeline', (error as Error).message, { path, cause: error })]
  }
}

/** As SQL writes a name, also one that it would not take. */
export const shown = (name: string): string => `"${name.replaceAll('"', '""')}"`
