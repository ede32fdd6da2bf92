import duckdb, { type Connection, type LogicalType } from '@duckdb/node-bindings'
import type { ScalarFunction } from './duckdb.ts'
import { prepareReadable } from './prepare.ts'
import { columnReader } from './read.ts'
import { readableTypeOf, sqlTypeOf } from './types.ts'
import { writeColumn } from './write.ts'

/** Registers a function whose columns are read and written as those of batches are. */
export async function registerScalar(connection: Connection, scalar: ScalarFunction): Promise<void> {
  const { name, parameters, rest, returns, volatile = false, call } = scalar
  const resultType = await typeNamed(connection, returns)
  const parameterTypes = await Promise.all(parameters.map(type => typeNamed(connection, type)))
  const restType = rest === undefined ? undefined : await typeNamed(connection, rest)
  const resultName = readableTypeOf(resultType)
  const made = duckdb.create_scalar_function()
  duckdb.scalar_function_set_name(made, name)
  for (const type of parameterTypes) duckdb.scalar_function_add_parameter(made, type)
  if (restType !== undefined) duckdb.scalar_function_set_varargs(made, restType)
  duckdb.scalar_function_set_return_type(made, resultType)
  if (volatile) duckdb.scalar_function_set_volatile(made)
  // Nulls are handed over, too
  duckdb.scalar_function_set_special_handling(made)
  duckdb.scalar_function_set_function(made, (info, input, output) => {
    try {
      const rows = duckdb.data_chunk_get_size(input)
      const columns = Array.from({ length: duckdb.data_chunk_get_column_count(input) }, (_, index) => {
        const vector = duckdb.data_chunk_get_vector(input, index)
        const reader = columnReader(duckdb.vector_get_column_type(vector), `argument ${index + 1}`)
        reader.read(vector, 0, rows)
        return reader.finish()
      })
      const data = call(columns, rows)
      if (sqlTypeOf(data.type) !== resultName || data.length !== rows)
        throw new Error(`gave ${data.length} of ${sqlTypeOf(data.type)}, not ${rows} of ${resultName}`)
      writeColumn(output, { data, start: 0, rows }, name)
    } catch (error) {
      duckdb.scalar_function_set_error(info, `${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
  duckdb.register_scalar_function(connection, made)
  duckdb.destroy_scalar_function_sync(made)
}

async function typeNamed(connection: Connection, name: string): Promise<LogicalType> {
  if (name === 'ANY') return duckdb.create_logical_type(duckdb.Type.ANY)
  return (await prepareReadable(connection, `select null::${name}`)).types[0]!
}
