import duckdb, { type Connection } from '@duckdb/node-bindings'
import type { RecordBatch } from 'apache-arrow'
import { PipelineError } from '../../runtime/errors.ts'
import { readableTypeOf, sqlTypeOf } from './types.ts'
import { writeColumn } from './write.ts'

const CHUNK_ROWS = duckdb.vector_size()

/** Appends a batch to a table whose columns have its types, in order. */
export function appendBatch(connection: Connection, table: string, batch: RecordBatch): void {
  const { fields } = batch.schema
  const appender = duckdb.appender_create(connection, null, table)
  const count = duckdb.appender_column_count(appender)
  if (count !== fields.length)
    throw new PipelineError('internal', `table ${table} has ${count} columns, a batch for it ${fields.length}`)
  const types = fields.map((field, index) => {
    const type = duckdb.appender_column_type(appender, index)
    // Values are copied as bytes: another layout would be read as rubbish
    const [have, want] = [readableTypeOf(type), sqlTypeOf(field.type)]
    if (have === want) return type
    throw new PipelineError('internal', `column ${field.name} of table ${table} is ${have}, that of a batch ${want}`)
  })
  const chunk = duckdb.create_data_chunk(types)
  const vectors = types.map((_, index) => duckdb.data_chunk_get_vector(chunk, index))
  try {
    for (let start = 0; start < batch.numRows; start += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, batch.numRows - start)
      duckdb.data_chunk_reset(chunk)
      for (const [index, vector] of vectors.entries())
        writeColumn(vector, { data: batch.data.children[index]!, start, rows }, fields[index]!.name)
      duckdb.data_chunk_set_size(chunk, rows)
      duckdb.append_data_chunk(appender, chunk)
    }
  } catch (error) {
    duckdb.appender_clear(appender)
    throw error
  } finally {
    duckdb.appender_close_sync(appender)
  }
}
