import type { Field, Schema } from 'apache-arrow'
import { sqlTypeOf } from '../../drivers/duckdb/types.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** A column of the files. */
export interface Column {
  name: string
  /** its type in SQL */
  sql: string
}

/** The columns that rows have, `_gs_op` aside. Throws `bad_data` for a type that Parquet cannot hold. */
export const columnsOf = (schema: Schema): Column[] => schema.fields.filter(({ name }) => name !== OP).map(columnOf)

function columnOf({ name, type }: Field): Column {
  try {
    return { name, sql: sqlTypeOf(type) }
  } catch (error) {
    throw new PipelineError(
      'bad_data',
      `column ${JSON.stringify(name)} is ${nameOf(type)}, which Parquet files cannot hold: cast it to another type`,
      { cause: error },
    )
  }
}
