import { isUtf8 } from 'node:buffer'
import { DataType as Is, type RecordBatch } from 'apache-arrow'
import { validity } from '../../runtime/batch/cells.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { take } from '../../runtime/batch/select.ts'
import type { DeadRow } from '../../runtime/contract.ts'

/** A String of ClickHouse may hold any bytes: rows where they are no text become dead letters. Undefined: none is left. */
export function withText(batch: RecordBatch, table: string, dead: (row: DeadRow) => void): RecordBatch | undefined {
  const columns = batch.schema.fields.flatMap(({ name, type }, at) => {
    const data = batch.data.children[at]!
    return Is.isUtf8(type) && !isUtf8(data.values) ? [{ name, data, isValid: validity(data) }] : []
  })
  if (columns.length === 0) return batch
  const kept: number[] = []
  for (let row = 0; row < batch.numRows; row++) {
    const fault = columns.find(
      ({ data, isValid }) =>
        isValid(row) && !isUtf8(data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1])),
    )
    if (fault === undefined) kept.push(row)
    else
      dead({
        code: 'bad_row',
        message: `table ${table}: column ${JSON.stringify(fault.name)} is not UTF-8 text: read it as hex(${fault.name}) or base64 from a view`,
        row: rowsOf(take(batch, [row]))[0]!,
      })
  }
  if (kept.length === batch.numRows) return batch
  return kept.length === 0 ? undefined : take(batch, kept)
}
