import duckdb, { type Connection, type LogicalType, type PreparedStatement } from '@duckdb/node-bindings'
import { Schema } from 'apache-arrow'
import { identifier } from './duckdb.ts'
import { fieldOf, isReadable, readableTypeOf } from './types.ts'

export interface ReadableStatement {
  statement: PreparedStatement
  schema: Schema
  types: readonly LogicalType[]
}

/** Plans a SELECT so that each of its columns has a type that can be read. */
export async function prepareReadable(connection: Connection, select: string): Promise<ReadableStatement> {
  const given = await describe(connection, select)
  if (given.types.every(isReadable)) return given
  const columns = given.types.map((type, index) => {
    const column = isReadable(type) ? `c${index}` : `cast(c${index} as ${readableTypeOf(type)})`
    return `${column} as ${identifier(given.schema.fields[index]!.name)}`
  })
  const names = given.types.map((_, index) => `c${index}`)
  const inner = select.replace(/[;\s]+$/, '')
  // The line break ends a comment at the statement's end
  return describe(connection, `select ${columns.join(', ')} from (${inner}\n) as t(${names.join(', ')})`)
}

async function describe(connection: Connection, select: string): Promise<ReadableStatement> {
  const statement = await duckdb.prepare(connection, select)
  const count = duckdb.prepared_statement_column_count(statement)
  const types = Array.from({ length: count }, (_, index) =>
    duckdb.prepared_statement_column_logical_type(statement, index),
  )
  const fields = types.map((type, index) => fieldOf(duckdb.prepared_statement_column_name(statement, index), type))
  return { statement, types, schema: new Schema(fields) }
}
