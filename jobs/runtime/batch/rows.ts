import type { RecordBatch } from 'apache-arrow'
import type { Json } from '../contract.ts'
import { columnsOf, jsonReader, textReader } from './cells.ts'

/**
 * The rows of a batch as JSON values: 64-bit integers and decimals that a double cannot hold as decimal text, times as
 * ISO text (with Z where the column has a zone), dates as YYYY-MM-DD, binary as base64, NaN and infinities as text.
 */
export function rowsOf(batch: RecordBatch): Record<string, Json>[] {
  const columns = columnsOf(batch).map(({ name, data }) => ({ name, read: jsonReader(data) }))
  return Array.from({ length: batch.numRows }, (_, row) =>
    Object.fromEntries(columns.map(({ name, read }) => [name, read(row)])),
  )
}

/** One JSON object per row, as `rowsOf` but with every number exact. `omit` names columns to leave out. */
export function jsonLines(batch: RecordBatch, omit: readonly string[] = []): string[] {
  const columns = columnsOf(batch)
    .filter(({ name }) => !omit.includes(name))
    .map(({ name, data }) => ({ key: `${JSON.stringify(name)}:`, read: textReader(data) }))
  const lines = new Array<string>(batch.numRows)
  for (let row = 0; row < lines.length; row++) {
    let line = '{'
    for (let at = 0; at < columns.length; at++) {
      const { key, read } = columns[at]!
      line += at === 0 ? key + read(row) : `,${key}${read(row)}`
    }
    lines[row] = `${line}}`
  }
  return lines
}
