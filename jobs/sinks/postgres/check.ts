import type { Field } from 'apache-arrow'
import { isNested } from '../../drivers/postgres/types.ts'
import { openForCheck } from '../../drivers/postgres-sink/connection.ts'
import { throwAll } from '../../drivers/postgres-sink/problems.ts'
import { placeProblems } from '../../drivers/postgres-sink/schema.ts'
import {
  columnOf,
  columnProblems,
  lackedBy,
  misfits,
  readTable,
  shown,
  type Table,
  tableNameProblems,
} from '../../drivers/postgres-sink/table.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { PostgresConfig } from './postgres.ts'

/** What the rows are, apart from what became of them. */
export const fieldsOf = (input: Stream): Field[] => input.schema.fields.filter(({ name }) => name !== OP)

/** The sink's own key, or the one that the rows came with. */
export const keyOf = (config: PostgresConfig, input: Stream): readonly string[] =>
  config.primary_key.length > 0 ? config.primary_key : input.primaryKey

export async function check(config: PostgresConfig, input: Stream, context: NodeContext): Promise<void> {
  throwAll(configProblems(config, input))
  if (keyOf(config, input).length === 0)
    context.log.warn('there is no primary_key: every row is inserted, updates too, and deletes are left out')
}

/** What only the server can tell. */
export async function connect(config: PostgresConfig, input: Stream, context: NodeContext): Promise<void> {
  const session = await openForCheck(context)
  try {
    const table = await readTable(session, config.schema, config.table)
    const columns = fieldsOf(input).map(columnOf)
    const lacks = table && (config.schema_drift === 'add' ? lackedBy(table, columns) : [])
    throwAll([
      ...(table === undefined ? [] : tableProblems(table, config, input)),
      ...(await placeProblems(session, config.schema, [{ name: config.table, lacks }])),
    ])
  } finally {
    await session.close()
  }
}

/** The mistakes that no database is needed to see. */
export function configProblems(config: PostgresConfig, input: Stream): PipelineError[] {
  const fields = fieldsOf(input)
  const key = keyOf(config, input)
  const problems = [
    ...tableNameProblems(config.schema, ['schema']),
    ...tableNameProblems(config.table, ['table']),
    ...columnProblems(fields.map(columnOf), key),
  ]
  const wrong = (message: string, ...path: string[]) =>
    problems.push(new PipelineError('bad_pipeline', message, { path: ['update_where', ...path] }))
  const conditions = Object.keys(config.update_where)
  if (conditions.length > 0 && config.on_conflict === 'nothing')
    wrong('update_where says when rows are updated, and on_conflict: nothing that none is: leave one out')
  if (conditions.length > 0 && key.length === 0)
    wrong('update_where compares with the row of the same key, and there is no primary_key: set one')
  for (const name of conditions) {
    const field = fields.find(candidate => candidate.name === name)
    if (field === undefined)
      wrong(`there is no column ${shown(name)}: the rows have ${fields.map(f => shown(f.name)).join(', ')}`, name)
    else if (isNested(field.type))
      wrong(`column ${shown(name)} is ${nameOf(field.type)}, which has no useful order: name another`, name)
  }
  return problems
}

/** Why a table that is there cannot take the rows. */
export function tableProblems(table: Table, config: PostgresConfig, input: Stream): PipelineError[] {
  const columns = fieldsOf(input).map(columnOf)
  const problems = misfits(table, columns, keyOf(config, input))
  const lacks = lackedBy(table, columns)
  if (lacks.length === 0 || config.schema_drift === 'add') return problems
  const names = lacks.map(({ name }) => shown(name)).join(', ')
  const message = `table ${config.schema}.${table.name} has no column ${names}, and schema_drift is fail: add what is missing, or set schema_drift: add`
  return [...problems, new PipelineError('bad_pipeline', message, { path: ['schema_drift'] })]
}
