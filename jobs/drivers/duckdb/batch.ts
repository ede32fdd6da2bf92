import duckdb, { type DataChunk } from '@duckdb/node-bindings'
import { makeData, RecordBatch, Struct } from 'apache-arrow'
import type { ReadableStatement } from './prepare.ts'
import { columnReader } from './read.ts'

export interface BatchReader {
  /** Copies `rows` rows from row `from` on. */
  read(chunk: DataChunk, from: number, rows: number): void
  finish(): RecordBatch
  readonly rows: number
  /** bytes */
  readonly size: number
  /** bytes of each column */
  readonly sizes: readonly number[]
}

/** Makes one batch of a statement's chunks. `before`: the sizes of the last one of the statement, which the next will be like. */
export function batchReader(
  { schema, types }: Pick<ReadableStatement, 'schema' | 'types'>,
  before?: readonly number[],
): BatchReader {
  const columns = types.map((type, index) => columnReader(type, schema.fields[index]!.name, before?.[index]))
  let length = 0
  return {
    read(chunk, from, rows) {
      for (const [index, column] of columns.entries())
        column.read(duckdb.data_chunk_get_vector(chunk, index), from, rows)
      length += rows
    },
    finish() {
      const children = columns.map(column => column.finish())
      return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }))
    },
    get rows() {
      return length
    },
    get size() {
      return columns.reduce((sum, column) => sum + column.size, 0)
    },
    get sizes() {
      return columns.map(column => column.size)
    },
  }
}
