import { DataType, type Field, type RecordBatch } from 'apache-arrow'
import { columnsOf, validity } from '../../runtime/batch/cells.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { take } from '../../runtime/batch/select.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { quote } from '../postgres/names.ts'
import { columnType } from '../postgres/types.ts'

/** A row that cannot be stored; `batch` has it alone. */
export function refuseRow(context: NodeContext, batch: RecordBatch, message: string): void {
  context.dead({ code: 'bad_row', message, row: rowsOf(batch)[0]! })
}

/** The rows whose key has a value; the others, which could be neither found again nor updated, are dead letters. */
export function withKey(batch: RecordBatch, key: readonly string[], context: NodeContext): RecordBatch {
  const columns = columnsOf(batch)
  const dead = new Map<number, string>()
  for (const name of key) {
    const data = columns.find(column => column.name === name)?.data
    if (data !== undefined && data.nullCount === 0 && !DataType.isNull(data.type)) continue
    const isValid = data === undefined ? () => false : validity(data)
    for (let row = 0; row < batch.numRows; row++)
      if (!isValid(row) && !dead.has(row)) dead.set(row, `column ${quote(name)} of the primary key is null`)
  }
  if (dead.size === 0) return batch
  for (const [row, message] of [...dead].sort(([a], [b]) => a - b)) refuseRow(context, take(batch, [row]), message)
  return take(
    batch,
    Array.from({ length: batch.numRows }, (_, row) => row).filter(row => !dead.has(row)),
  )
}

/** A column that has turned into another type since the sink was opened. */
export function refuseChange(known: Field, now: Field): void {
  const [before, after] = [columnType(known), columnType(now)]
  if (before === after) return
  throw new PipelineError(
    'bad_data',
    `column ${quote(known.name)} was ${before} and is now ${after}: cast it to one type`,
  )
}
