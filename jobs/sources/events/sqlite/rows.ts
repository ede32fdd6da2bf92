import type { Selection } from '../stores.ts'
import { builderOf, type Cell } from './columns.ts'
import { fromOf, mostBytes, type Part, quoted, type ReadPart } from './selection.ts'

/** Row by row, any columns. */
export function createRowReader(selection: Selection): (...given: Parameters<ReadPart>) => Part {
  const { table, columns, rows } = selection
  const builders = columns.map(column => ({ column, builder: builderOf(column, rows) }))
  const ofRow = builders.filter(({ column }) => !column.ofStream)
  const ofStream = builders.filter(({ column }) => column.ofStream)
  // each cell costs a call: none is asked for twice
  const names = [...new Set([table.id, 'stream_id', 'received_at', ...ofRow.map(({ column }) => column.name)])]
  const cellsOf = ofRow.map(({ column, builder }) => ({ builder, at: names.indexOf(column.name) }))
  const select = `select ${names.map(quoted).join(', ')} ${fromOf(selection)}`

  return (session, bounds, streamOf) => {
    let [seen, kept, taken] = [0, 0, 0]
    let full = false
    let last: Cell[] | undefined
    let current: Cell = null
    let texts: readonly string[] | undefined
    for (const cells of session
      .prepare(select)
      .raw()
      .safeIntegers()
      .all(...bounds) as Cell[][]) {
      full = taken >= mostBytes
      if (full) break
      last = cells
      seen++
      if (cells[1] !== current) {
        current = cells[1]!
        texts = streamOf(Number(current))
      }
      if (texts === undefined) continue
      for (const { builder, at } of cellsOf) taken += builder.add(kept, cells[at]!)
      for (let k = 0; k < ofStream.length; k++) taken += ofStream[k]!.builder.add(kept, texts[k]!)
      kept++
    }
    return {
      columns: kept === 0 ? [] : builders.map(({ builder }) => builder.finish(kept)),
      kept,
      seen,
      last: last && { id: Number(last[0]), receivedAt: Number(last[2]) },
      full,
    }
  }
}
