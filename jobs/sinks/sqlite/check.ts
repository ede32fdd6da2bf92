import type { Db } from '../../drivers/sqlite-sink/connection.ts'
import { refuseTable } from '../../drivers/sqlite-sink/identify.ts'
import { inspect } from '../../drivers/sqlite-sink/inspect.ts'
import {
  type Column,
  checkColumns,
  missingColumns,
  quote,
  readTable,
  type Table,
} from '../../drivers/sqlite-sink/table.ts'
import { kindOf } from '../../runtime/batch/kinds.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { SqliteConfig } from './sqlite.ts'

/** What the rows are, apart from what became of them. */
export const columnsOf = (input: Stream): Column[] =>
  input.schema.fields.filter(({ name }) => name !== OP).map(({ name, type }) => ({ name, type }))

/** The sink's own key, or the one that the rows came with. */
export const keyOf = (config: SqliteConfig, input: Stream): readonly string[] =>
  config.primary_key.length > 0 ? config.primary_key : input.primaryKey

export async function check(config: SqliteConfig, input: Stream, context: NodeContext): Promise<void> {
  checkConfig(config, input)
  if (keyOf(config, input).length === 0)
    context.log.warn('there is no primary_key: every row is inserted, updates too, and deletes are left out')
  inspect(config.path, [config.table], db => {
    findTable(db, config, input)
  })
}

/** The mistakes that no database is needed to see. */
export function checkConfig(config: SqliteConfig, input: Stream): void {
  const columns = columnsOf(input)
  refuseTable(config.table, ['table'])
  checkColumns(columns, keyOf(config, input))
  const wrong = (message: string, ...path: string[]) =>
    new PipelineError('bad_pipeline', message, { path: ['update_where', ...path] })
  const conditions = Object.keys(config.update_where)
  if (conditions.length > 0 && config.on_conflict === 'nothing')
    throw wrong('update_where says when rows are updated, and on_conflict: nothing that none is: leave one out')
  if (conditions.length > 0 && keyOf(config, input).length === 0)
    throw wrong('update_where compares with the row of the same key, and there is no primary_key: set one')
  for (const name of conditions) {
    const column = columns.find(candidate => candidate.name === name)
    if (column === undefined)
      throw wrong(
        `there is no column ${quote(name)}: the rows have ${columns.map(c => quote(c.name)).join(', ')}`,
        name,
      )
    if (['decimal', 'uint64', 'json'].includes(kindOf(column.type)))
      throw wrong(
        `column ${quote(name)} is ${nameOf(column.type)}, which SQLite keeps as text and would compare as such: cast it to int64 or float64`,
        name,
      )
  }
}

/** The table with the columns that it lacks; undefined where it has to be made. */
export function findTable(
  db: Db,
  config: SqliteConfig,
  input: Stream,
): { table: Table; missing: readonly Column[] } | undefined {
  const table = readTable(db, config.table)
  if (table === undefined) return undefined
  const missing = missingColumns(table, columnsOf(input), keyOf(config, input))
  if (missing.length > 0 && config.schema_drift === 'fail')
    throw new PipelineError(
      'bad_pipeline',
      `table ${quote(table.name)} has no column ${missing.map(({ name }) => quote(name)).join(', ')}, and schema_drift is fail: add what is missing, or set schema_drift: add`,
      { path: ['schema_drift'] },
    )
  return { table, missing }
}
