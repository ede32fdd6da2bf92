import type { DataType, RecordBatch, Schema } from 'apache-arrow'
import { batchOf } from '../../../runtime/batch/build.ts'
import { Misfit } from '../../../runtime/batch/coerce.ts'
import { OP } from '../../../runtime/batch/types.ts'
import { INSERT, letterOf, opData } from '../ops.ts'
import { type Column, createColumn } from './columns.ts'
import { type Kind, NULL, TEXT, type Unquote } from './values.ts'

/** The rows that wait to become a batch; those of several small files go into one. */
export interface Rows {
  readonly count: number
  /** no further row goes in before `take` */
  readonly full: boolean
  /** A row of a value per column of the schema. Throws `Misfit` that names the column, and the row is not there. */
  add(bytes: Buffer, kinds: Uint8Array, starts: Int32Array, ends: Int32Array): void
  take(): RecordBatch
  /** Forgets what an earlier reader left. */
  clear(): void
}

/** A batch is also full when its values take so many bytes: a row may have 16 MiB. */
const maxBytes = 16 * 1024 * 1024

/** `schema` has `_gs_op`. */
export function createRows(schema: Schema, capacity: number, unquote: Unquote): Rows {
  const names = schema.fields.map(field => field.name)
  const columns = schema.fields.map(({ name, type }) =>
    name === OP ? createOpColumn(capacity) : createColumn(type as DataType, capacity, unquote),
  )
  let count = 0
  let size = 0
  return {
    get count() {
      return count
    },
    get full() {
      return count === capacity || size >= maxBytes
    },
    add(bytes, kinds, starts, ends) {
      let at = 0
      try {
        for (; at < columns.length; at++) columns[at]!.put(count, bytes, starts[at]!, ends[at]!, kinds[at] as Kind)
      } catch (error) {
        throw error instanceof Misfit ? new Misfit(`column ${JSON.stringify(names[at])}: ${error.message}`) : error
      }
      count++
      for (let column = 0; column < columns.length; column++)
        if (kinds[column] !== NULL) size += ends[column]! - starts[column]!
    },
    clear() {
      count = 0
      size = 0
    },
    take() {
      const batch = batchOf(
        schema,
        columns.map(column => column.take(count)),
        count,
      )
      count = 0
      size = 0
      return batch
    },
  }
}

/** `_gs_op`: i, u or d; a row that says nothing is an insert. */
function createOpColumn(capacity: number): Column {
  let values = new Uint8Array(capacity)
  return {
    put(row, bytes, from, to, kind) {
      const letter = kind === NULL ? INSERT : kind === TEXT ? letterOf(bytes, from, to) : undefined
      if (letter === undefined)
        throw new Misfit(`${bytes.toString('utf8', from, Math.min(to, from + 40))} is none of i, u, d`)
      values[row] = letter
    },
    take(rows) {
      const data = opData(values.subarray(0, rows))
      values = new Uint8Array(capacity)
      return data
    },
  }
}
