import { type Data, makeData, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import { batchOf } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { take } from '../../runtime/batch/select.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { DeadRow } from '../../runtime/contract.ts'

export const INSERT = 0x69
const letters = [INSERT, 0x75, 0x64]

/** A column of one letter per row. */
export function opData(letterOfRow: Uint8Array): Data {
  const length = letterOfRow.length
  const valueOffsets = new Int32Array(length + 1)
  for (let row = 0; row <= length; row++) valueOffsets[row] = row
  return makeData({ type: new Utf8(), length, nullCount: 0, valueOffsets, data: letterOfRow })
}

/** What a row says of itself: a letter, insert where it says nothing, undefined where it is none of i, u, d. */
export function letterOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  return to === from + 1 && letters.includes(bytes[from]!) ? bytes[from] : undefined
}

/**
 * A batch of the schema, whose columns come from the data; `_gs_op` may be null there, which is an insert. Rows with
 * anything but i, u and d in it are dead.
 */
export function withOps(
  schema: Schema,
  batch: RecordBatch,
  dead: (row: number, why: string, values: DeadRow['row']) => void,
): RecordBatch | undefined {
  const at = schema.fields.findIndex(field => field.name === OP)
  const op = batch.data.children[at]!
  const ops = new Uint8Array(batch.numRows)
  const wrong: number[] = []
  for (let row = 0; row < ops.length; row++) {
    const letter = op.getValid(row) ? letterOf(op.values, op.valueOffsets[row]!, op.valueOffsets[row + 1]!) : INSERT
    if (letter === undefined) wrong.push(row)
    ops[row] = letter ?? INSERT
  }
  for (const [index, values] of wrong.length > 0 ? rowsOf(take(batch, wrong)).entries() : [])
    dead(wrong[index]!, `column ${JSON.stringify(OP)}: ${JSON.stringify(values[OP])} is none of i, u, d`, values)
  const whole = batchOf(schema, batch.data.children.with(at, opData(ops)), batch.numRows)
  if (wrong.length === 0) return whole
  const right = Int32Array.from(ops.keys()).filter(row => !wrong.includes(row))
  return right.length === 0 ? undefined : take(whole, right)
}
