import type { DataType } from 'apache-arrow'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Db } from './connection.ts'
import { type Affinity, affinityOf, declare, misfit } from './types.ts'

/** A column of the rows that go into a table. */
export interface Column {
  name: string
  type: DataType
}

export interface TableColumn {
  name: string
  declaration: string
  affinity: Affinity
  /** must be given: not null, and without a default */
  required: boolean
  generated: boolean
}

export interface Table {
  name: string
  strict: boolean
  withoutRowid: boolean
  /** column that is the row's number itself: null becomes the next number there */
  rowid: string | undefined
  /** by lower-case name: SQLite's names are equal in any case */
  columns: ReadonlyMap<string, TableColumn>
  /** what makes a row the only one: primary key and unique indexes, with the collation of each column */
  keys: readonly ReadonlyMap<string, string>[]
}

/** `"a""b"` */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

interface ColumnRow {
  name: string
  type: string
  notnull: number
  dflt_value: string | null
  pk: number
  hidden: number
}

/** What the file has under a name; undefined where there is nothing. */
export function readTable(db: Db, name: string): Table | undefined {
  const found = db
    .prepare<[string], { name: string; type: string; strict: number; wr: number }>(
      "select name, type, strict, wr from pragma_table_list where schema = 'main' and lower(name) = lower(?)",
    )
    .get(name)
  if (found === undefined) return undefined
  if (found.type !== 'table') throw new PipelineError('bad_pipeline', `${quote(name)} is a ${found.type}, not a table`)
  const rows = db.prepare<[string], ColumnRow>('select * from pragma_table_xinfo(?)').all(found.name)
  const strict = found.strict === 1
  const rowid = rowidKey(rows, found.wr === 1)
  return {
    name: found.name,
    strict,
    withoutRowid: found.wr === 1,
    rowid: rowid?.name,
    columns: new Map(rows.map(row => [row.name.toLowerCase(), columnOf(row, strict, rowid)])),
    keys: [
      ...(rowid === undefined ? [] : [new Map([[rowid.name.toLowerCase(), 'BINARY']])]),
      ...uniqueIndexes(db, found.name),
    ],
  }
}

/** `INTEGER PRIMARY KEY` is the row's number itself, and no index tells of it. */
function rowidKey(rows: readonly ColumnRow[], withoutRowid: boolean): ColumnRow | undefined {
  const [only, second] = rows.filter(({ pk }) => pk > 0)
  return second === undefined && !withoutRowid && only?.type.toUpperCase() === 'INTEGER' ? only : undefined
}

function columnOf(row: ColumnRow, strict: boolean, rowid: ColumnRow | undefined): TableColumn {
  return {
    name: row.name,
    declaration: row.type,
    affinity: affinityOf(row.type, strict),
    required: row.notnull === 1 && row.dflt_value === null && row !== rowid,
    generated: row.hidden > 1,
  }
}

function uniqueIndexes(db: Db, table: string): Map<string, string>[] {
  const indexes = db
    .prepare<[string], string>('select name from pragma_index_list(?) where "unique" = 1 and partial = 0')
    .pluck()
    .all(table)
  const columns = db.prepare<[string], { name: string | null; coll: string }>(
    'select name, coll from pragma_index_xinfo(?) where key = 1',
  )
  return indexes
    .map(index => columns.all(index))
    .filter(keys => keys.every(({ name }) => name !== null))
    .map(keys => new Map(keys.map(({ name, coll }) => [name!.toLowerCase(), coll])))
}

/** The statement that makes a table for the rows. */
export function createSql(name: string, columns: readonly Column[], key: readonly string[]): string {
  const lines = columns.map(column => `${quote(column.name)} ${declare(kindOf(column.type), true)}`)
  if (key.length > 0) lines.push(`primary key (${key.map(quote).join(', ')})`)
  return `create table ${quote(name)} (\n  ${lines.join(',\n  ')}\n) strict`
}

export const addSql = (table: Table, column: Column): string =>
  `alter table main.${quote(table.name)} add column ${quote(column.name)} ${declare(kindOf(column.type), table.strict)}`

/** Whether the rows go into the table as they are. Throws with what is wrong; gives the columns that it lacks. */
export function missingColumns(table: Table, columns: readonly Column[], key: readonly string[]): Column[] {
  const wrong = (message: string) => new PipelineError('bad_pipeline', `table ${quote(table.name)}: ${message}`)
  const given = new Set(columns.map(({ name }) => name.toLowerCase()))
  for (const { name, required, generated } of table.columns.values())
    if (required && !generated && !given.has(name.toLowerCase()))
      throw wrong(`column ${quote(name)} must have a value, and the rows have no such column: give it a default`)
  for (const { name, type } of columns) {
    const there = table.columns.get(name.toLowerCase())
    if (there === undefined) continue
    if (there.generated) throw wrong(`column ${quote(name)} is computed by the table: leave it out of the rows`)
    const reason = misfit(type, there.affinity, there.declaration)
    if (reason !== undefined) throw wrong(`column ${quote(name)}: ${reason}`)
  }
  if (key.length > 0 && keyOf(table, key) === undefined)
    throw wrong(`no primary key or unique index is on (${key.map(quote).join(', ')}): create one, or set primary_key`)
  return columns.filter(({ name }) => !table.columns.has(name.toLowerCase()))
}

/** The unique key of the table with exactly these columns, in whatever order. */
export function keyOf(table: Table, key: readonly string[]): ReadonlyMap<string, string> | undefined {
  return table.keys.find(found => found.size === key.length && key.every(name => found.has(name.toLowerCase())))
}

/** Columns that SQLite could not tell apart, or not hold, and keys that no rows have. */
export function checkColumns(columns: readonly Column[], key: readonly string[]): void {
  if (columns.length === 0)
    throw new PipelineError('bad_pipeline', 'the rows have no columns: there is nothing to store')
  const seen = new Map<string, string>()
  for (const { name, type } of columns) {
    const same = seen.get(name.toLowerCase())
    if (same !== undefined)
      throw new PipelineError(
        'bad_pipeline',
        `columns ${quote(same)} and ${quote(name)} are one to SQLite, whose names are equal in any case: rename one`,
      )
    seen.set(name.toLowerCase(), name)
    if (key.includes(name) && kindOf(type) === 'json')
      throw new PipelineError('bad_pipeline', `column ${quote(name)} is ${nameOf(type)}, which cannot be a key`, {
        path: ['primary_key'],
      })
  }
  if (columns.length > 1990)
    throw new PipelineError('bad_pipeline', `the rows have ${columns.length} columns, and SQLite takes 1,990 here`)
  const missing = key.filter(name => !columns.some(column => column.name === name))
  if (missing.length > 0)
    throw new PipelineError(
      'bad_pipeline',
      `primary_key: columns ${JSON.stringify(missing)} not found in schema. Available columns: ${JSON.stringify(columns.map(({ name }) => name))}`,
      { path: ['primary_key'] },
    )
}
