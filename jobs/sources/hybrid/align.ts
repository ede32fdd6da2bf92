import { type Data, type DataType, makeData, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import { batchOf, dataOf, emptyBatch } from '../../runtime/batch/build.ts'
import { type Cell, Misfit } from '../../runtime/batch/coerce.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { take } from '../../runtime/batch/select.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { DeadRow } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type Cast, castOf } from './cast.ts'

/** Brings batches of one source into the columns of the whole; without rows where none is left. */
export type Align = (batch: RecordBatch) => RecordBatch

/**
 * Columns are matched by name, and cast where nothing can be lost; others are left out. Throws `bad_pipeline` where a
 * column is missing or of another kind. A value that the cast would change is a dead letter.
 */
export function createAlign(from: Schema, to: Schema, dead: (row: DeadRow) => void): Align {
  const places = to.fields.map(field => from.fields.findIndex(own => own.name === field.name))
  /** by the place of their column in the whole */
  const casts = new Map<number, Cast>()
  for (const [at, field] of to.fields.entries()) {
    const own = from.fields[places[at]!]
    if (own === undefined) {
      if (field.name === OP) continue
      const known = from.fields.map(({ name }) => name).join(', ')
      throw mismatch(`has no column ${JSON.stringify(field.name)}, which the unbounded source has: it has ${known}`)
    }
    if (isSame(own.type, field.type)) continue
    const cast = castOf(own.type, field.type)
    if (cast === undefined)
      throw mismatch(
        `column ${JSON.stringify(field.name)} is ${nameOf(own.type)} here, and ${nameOf(field.type)} in the unbounded source`,
      )
    casts.set(at, cast)
  }

  /** The columns that are cast, of the rows for which that went well; others become dead letters. */
  function cast(batch: RecordBatch): { columns: ReadonlyMap<number, Data>; kept: Int32Array } {
    const readers = [...casts].map(([at, cast]) => {
      const { name, nullable } = to.fields[at]!
      return { name, nullable, read: cast(batch.data.children[places[at]!]!) }
    })
    const cells: Cell[][] = readers.map(() => [])
    const kept: number[] = []
    const refused: { row: number; message: string }[] = []
    for (let row = 0; row < batch.numRows; row++) {
      const message = readRow(readers, row, cells)
      if (message === undefined) kept.push(row)
      else refused.push({ row, message })
    }
    const gone =
      refused.length === 0
        ? []
        : rowsOf(
            take(
              batch,
              Int32Array.from(refused, ({ row }) => row),
            ),
          )
    for (const [at, { message }] of refused.entries()) dead({ code: 'bad_row', message, row: gone[at]! })
    const columns = [...casts.keys()].map((at, column) => [at, dataOf(to.fields[at]!.type, cells[column]!)] as const)
    return { columns: new Map(columns), kept: Int32Array.from(kept) }
  }

  return whole => {
    if (whole.numRows === 0) return emptyBatch(to)
    const cut = casts.size === 0 ? undefined : cast(whole)
    if (cut?.kept.length === 0) return emptyBatch(to)
    const batch = cut === undefined || cut.kept.length === whole.numRows ? whole : take(whole, cut.kept)
    const data = to.fields.map(
      (_, at) => cut?.columns.get(at) ?? batch.data.children[places[at]!] ?? inserts(batch.numRows),
    )
    return batchOf(to, data, batch.numRows)
  }
}

interface Reader {
  name: string
  nullable: boolean
  read(row: number): Cell
}

/** Adds the cells of a row, or says why one does not fit and adds none. */
function readRow(readers: readonly Reader[], row: number, cells: readonly Cell[][]): string | undefined {
  const read: Cell[] = []
  for (const reader of readers) {
    try {
      const cell = reader.read(row)
      if (cell === null && !reader.nullable) throw new Misfit('null, and it must have a value')
      read.push(cell)
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      return `column ${JSON.stringify(reader.name)}: ${error.message}`
    }
  }
  for (let column = 0; column < read.length; column++) cells[column]!.push(read[column]!)
  return undefined
}

const mismatch = (message: string) => new PipelineError('bad_pipeline', message)

// a name of ours stands for more than one of Arrow's, such as time64
const isSame = (a: DataType, b: DataType): boolean => nameOf(a) === nameOf(b) && String(a) === String(b)

/** `_gs_op` of rows that have none. */
function inserts(rows: number): Data {
  const valueOffsets = Int32Array.from({ length: rows + 1 }, (_, row) => row)
  return makeData({ type: new Utf8(), length: rows, nullCount: 0, valueOffsets, data: new Uint8Array(rows).fill(0x69) })
}
