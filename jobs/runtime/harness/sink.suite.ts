import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../batch/build.ts'
import { typeOf } from '../batch/types.ts'
import type { Checkpoint, Sink, Stream } from '../contract.ts'

/** What tests of sinks have in common. */

/** Names of types by the names of columns: `{ id: 'int64' }`. */
export type Types = Readonly<Record<string, string>>

/** Columns as what a node hands on. */
export const streamOf = (types: Types, primaryKey: readonly string[] = []): Stream => ({
  schema: new Schema(Object.entries(types).map(([name, type]) => new Field(name, typeOf(type), true))),
  primaryKey,
})

export function batchOf(types: Types, rows: readonly Row[]): RecordBatch {
  const { batch, refused } = batchOfRows(streamOf(types).schema, rows)
  if (batch === undefined || refused.length > 0) throw new Error(`bad rows of a test: ${JSON.stringify(refused)}`)
  return batch
}

export const checkpoint = (epoch: number): Checkpoint => ({
  epoch,
  from: { rows: { at: epoch - 1 } },
  to: { rows: { at: epoch } },
})

/** A sink that the test may close, and that is closed again at its end. */
export function closedOnce(sink: Sink): Sink {
  let closed: Promise<void> | undefined
  return {
    ...sink,
    close() {
      closed ??= sink.close()
      return closed
    },
  }
}

/** A row that a database gave, with its bigints as numbers where these hold them. */
export const plain = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value,
    ]),
  )
