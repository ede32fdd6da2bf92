import type { RecordBatch, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../batch/build.ts'
import { nameOf } from '../batch/types.ts'
import type { DeadRow, NodeContext } from '../contract.ts'
import { PipelineError } from '../errors.ts'

/** What a plugin may give wherever rows are asked for. */
export type Rows = RecordBatch | readonly Row[]

/**
 * The rows as a batch of the schema, undefined for none. Rows that do not fit become dead letters; a batch of other
 * columns is a mistake of the plugin.
 */
export function toBatch(schema: Schema, rows: Rows | undefined, context: NodeContext): RecordBatch | undefined {
  if (rows === undefined) return undefined
  if (isList(rows)) {
    const { batch, refused } = batchOfRows(schema, rows)
    for (const { row, message } of refused) context.dead({ code: 'bad_row', message, row: plainRow(rows[row]!) })
    return batch
  }
  if (rows.numRows === 0) return undefined
  const [expected, given] = [describe(schema), describe(rows.schema)]
  if (expected !== given)
    throw new PipelineError('bad_data', `the plugin gave a batch of (${given}) where it declared (${expected})`)
  return rows
}

const isList = (rows: Rows): rows is readonly Row[] => Array.isArray(rows)

const describe = (schema: Schema): string => schema.fields.map(({ name, type }) => `${name} ${nameOf(type)}`).join(', ')

/** As JSON: integers of 64 bits as text, bytes as base64. */
function plainRow(row: Row): DeadRow['row'] {
  const plain = (_: string, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
  }
  return JSON.parse(JSON.stringify(row, plain))
}
