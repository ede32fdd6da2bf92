import { DataType, type RecordBatch, type Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { columnsOf, jsonReader } from '../../runtime/batch/cells.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { Json } from '../../runtime/contract.ts'
import type { SandboxColumns, SandboxResult, Seen } from './prelude.ts'

/** Rows between Arrow and the columns of JSON text that a sandbox takes and gives. */

/** Of rows with `input` to rows with `output`, which has `_gs_op`. */
export function sandboxColumns(input: Schema, output: Schema): SandboxColumns {
  const inputs = input.fields.map(({ name, type }) => ({ name, seen: seenAs(type) }))
  if (!inputs.some(({ name }) => name === OP)) inputs.push({ name: OP, seen: 'as_is' })
  return { inputs, outputs: output.fields.map(field => field.name) }
}

/** What is text in JSON because a double cannot hold it. */
function seenAs(type: DataType): Seen {
  if (DataType.isInt(type) && type.bitWidth === 64) return 'bigint'
  return DataType.isFloat(type) ? 'number' : 'as_is'
}

export interface Chunk {
  /** for the sandbox */
  text: string
  rows: number
  /** a row as it came, for a dead letter */
  row(at: number): Record<string, Json>
}

/** Cuts a batch so that a call has at most `rows` rows and, unless it is one row, `length` characters of JSON. */
export function chunksOf(batch: RecordBatch, rows: number, length: number): Chunk[] {
  const columns = columnsOf(batch).map(({ name, data }) => {
    const read = jsonReader(data)
    return { name, values: Array.from({ length: batch.numRows }, (_, row) => read(row)) }
  })
  if (!columns.some(({ name }) => name === OP)) columns.push({ name: OP, values: Array(batch.numRows).fill('i') })
  const own = columns.slice(0, batch.schema.fields.length)
  const chunks: Chunk[] = []

  function cut(from: number, to: number): void {
    const text = JSON.stringify(columns.map(({ values }) => values.slice(from, to)))
    if (text.length > length && to - from > 1) {
      const middle = (from + to) >> 1
      cut(from, middle)
      cut(middle, to)
      return
    }
    const row = (at: number) => Object.fromEntries(own.map(({ name, values }) => [name, values[from + at]!]))
    chunks.push({ text, rows: to - from, row })
  }

  for (let from = 0; from < batch.numRows; from += rows) cut(from, Math.min(from + rows, batch.numRows))
  return chunks
}

export interface Outcome {
  /** undefined: no row is left */
  batch: RecordBatch | undefined
  /** input rows and why; `stack` is empty where the script did nothing wrong but its row does not fit */
  dead: { at: number; message: string; stack: string }[]
  dropped: number
  extra: string[]
}

/** An input row gives all of its rows, or is dead: a retry of the dead letter makes none twice. */
export function outcomeOf(schema: Schema, text: string): Outcome {
  const [columns, places, failed, dropped, extra] = JSON.parse(text) as SandboxResult
  const dead = failed.map(([at, message, stack]) => ({ at, message, stack }))
  const names = schema.fields.map(field => field.name)
  let rows = Array.from(columns[0]!, (_, row) => rowOf(names, columns, row))
  let built = batchOfRows(schema, rows)
  if (built.refused.length > 0) {
    const placeOf = (row: number) => places?.[row] ?? row
    const refused = new Map(built.refused.map(({ row, message }) => [placeOf(row), message]))
    for (const [at, message] of refused) dead.push({ at, message, stack: '' })
    rows = rows.filter((_, row) => !refused.has(placeOf(row)))
    built = batchOfRows(schema, rows)
  }
  return { batch: built.batch, dead, dropped, extra }
}

function rowOf(names: readonly string[], columns: readonly unknown[][], row: number): Row {
  // without a prototype, so that a column may be called __proto__
  const values = { __proto__: null } as unknown as Record<string, Json>
  for (let at = 0; at < names.length; at++) values[names[at]!] = columns[at]![row] as Json
  return values
}
