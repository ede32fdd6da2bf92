import { Bool, type DataType, Field, Float64, Int64, List, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batchOfRows } from '../../runtime/batch/build.ts'
import { OP, typeOf, withOp } from '../../runtime/batch/types.ts'
import type { Json } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

export type GivenRow = Readonly<Record<string, Json>>

/** `{ id: 'int64' }`, always with `_gs_op`. */
export function schemaOf(columns: Readonly<Record<string, string>>): Schema {
  return withOp(new Schema(Object.entries(columns).map(([name, type]) => new Field(name, typeOf(type), true))))
}

/**
 * The schema that rows look like: whole numbers are int64, others float64, objects and mixed values JSON text; a column
 * that is only null is text.
 */
export function inferSchema(rows: readonly GivenRow[]): Schema {
  const columns = new Map<string, Json[]>()
  for (const row of rows)
    for (const [name, value] of Object.entries(row)) {
      if (name === OP) continue
      const values = columns.get(name) ?? []
      if (value !== null) values.push(value)
      columns.set(name, values)
    }
  return withOp(new Schema([...columns].map(([name, values]) => new Field(name, inferType(values), true))))
}

function inferType(values: readonly Json[]): DataType {
  const every = (is: (value: Json) => boolean) => values.length > 0 && values.every(is)
  if (every(value => typeof value === 'boolean')) return new Bool()
  if (every(value => Number.isInteger(value))) return new Int64()
  if (every(value => typeof value === 'number')) return new Float64()
  if (every(value => Array.isArray(value))) {
    const items = (values as Json[][]).flat().filter(item => item !== null)
    // a list of nothing known holds text, as an empty column does
    return new List(new Field('item', inferType(items), true))
  }
  return new Utf8()
}

/** Rows as a batch; undefined where there are none. Throws `bad_pipeline` for one that does not fit, or has a wrong `_gs_op`. */
export function batchOfGiven(name: string, schema: Schema, rows: readonly GivenRow[]): RecordBatch | undefined {
  const known = new Set(schema.fields.map(field => field.name))
  const withOps = rows.map((row, index) => {
    const op = row[OP] ?? 'i'
    const stranger = Object.keys(row).find(column => !known.has(column))
    if (stranger !== undefined) throw misfit(name, index, `schema has no column '${stranger}'`)
    if (op !== 'i' && op !== 'u' && op !== 'd')
      throw misfit(name, index, `${OP} is i, u or d, and not ${JSON.stringify(op)}`)
    return { ...row, [OP]: op }
  })
  const { batch, refused } = batchOfRows(schema, withOps)
  const [first] = refused
  if (first !== undefined) throw misfit(name, first.row, first.message)
  return batch
}

function misfit(name: string, index: number, message: string): PipelineError {
  return new PipelineError('bad_pipeline', `given.${name}: row ${index + 1}: ${message}`)
}
