import type { Data, Field, RecordBatch } from 'apache-arrow'
import { validity } from '../../runtime/batch/cells.ts'
import { type CellWriter, cellWriter } from './copy-cells.ts'
import { TextBytes } from './text-bytes.ts'

export interface CopyColumn {
  field: Field
  data: Data
}

/** The columns of a batch by name, in the order of the COPY. */
export function copyColumns(batch: RecordBatch, names: readonly string[]): CopyColumn[] {
  return names.map(name => {
    const at = batch.schema.fields.findIndex(field => field.name === name)
    if (at < 0) throw new Error(`the batch has no column ${JSON.stringify(name)}`)
    return { field: batch.schema.fields[at]!, data: batch.data.children[at]! }
  })
}

/**
 * Rows in the text format of COPY, a chunk of about `chunkSize` bytes at a time, which the caller may keep. Each column of a chunk is
 * written by itself, without an object per row or cell; then the columns are put side by side.
 */
export function* copyText(
  columns: readonly CopyColumn[],
  rows: number,
  chunkSize = 256 * 1024,
): Generator<Uint8Array<ArrayBuffer>> {
  const writers = columns.map(({ field, data }) => columnWriter(field, data))
  let count = Math.min(rows, 256)
  for (let from = 0; from < rows; ) {
    const to = Math.min(rows, from + count)
    const chunk = sideBySide(
      writers.map(write => write(from, to)),
      to - from,
    )
    yield chunk
    // the rows of the next chunk are about as long as those of this one
    count = Math.max(1, Math.min(65_536, Math.floor((chunkSize * (to - from)) / chunk.length)))
    from = to
  }
}

/** The cells of one column, one after the other, each with its tab or newline left out; `ends` has the end of each. */
interface Written {
  bytes: Uint8Array
  ends: Int32Array
}

function columnWriter(field: Field, data: Data): (from: number, to: number) => Written {
  const write: CellWriter = cellWriter(field, data)
  const isValid = data.nullCount === 0 && data.type.typeId !== 1 ? undefined : validity(data)
  let expected = 1024
  return (from, to) => {
    const out = new TextBytes(expected)
    const ends = new Int32Array(to - from)
    if (isValid === undefined)
      for (let row = from; row < to; row++) {
        write(out, row)
        ends[row - from] = out.size
      }
    else
      for (let row = from; row < to; row++) {
        if (isValid(row)) write(out, row)
        else out.ascii('\\N')
        ends[row - from] = out.size
      }
    expected = out.size + (out.size >> 3)
    return { bytes: out.bytes, ends }
  }
}

const TAB = 9
const NEWLINE = 10

function sideBySide(columns: readonly Written[], rows: number): Uint8Array<ArrayBuffer> {
  const width = columns.length
  // a table without columns takes empty lines
  let size = rows * Math.max(1, width)
  for (const { ends } of columns) size += ends[rows - 1]!
  const all = new Uint8Array(size)
  let at = 0
  if (width === 0) return all.fill(NEWLINE)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const { bytes, ends } = columns[column]!
      const end = ends[row]!
      let from = row === 0 ? 0 : ends[row - 1]!
      if (end - from > longCell) {
        all.set(bytes.subarray(from, end), at)
        at += end - from
      } else while (from < end) all[at++] = bytes[from++]!
      all[at++] = TAB
    }
    all[at - 1] = NEWLINE
  }
  return all
}

/** from here on a call costs less than a loop, bytes */
const longCell = 48
