import { type Data, DataType, type Field, makeData, type RecordBatch, Schema, Utf8 } from 'apache-arrow'
import { batchOf, batchOfRows } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { take } from '../../runtime/batch/select.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { DeadRow } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** Brings batches of one source into the columns of the whole. Undefined: no row is left. */
export type Align = (batch: RecordBatch) => RecordBatch | undefined

/**
 * Columns are matched by name, and cast where nothing can be lost; others are left out. Throws `bad_pipeline` where a
 * column is missing or of another kind. A value that the cast would change is a dead letter.
 */
export function createAlign(from: Schema, to: Schema, dead: (row: DeadRow) => void): Align {
  const places = to.fields.map(field => from.fields.findIndex(own => own.name === field.name))
  const casts: Field[] = []
  for (const [at, field] of to.fields.entries()) {
    const own = from.fields[places[at]!]
    if (own === undefined) {
      if (field.name === OP) continue
      const known = from.fields.map(({ name }) => name).join(', ')
      throw mismatch(`has no column ${JSON.stringify(field.name)}, which the unbounded source has: it has ${known}`)
    }
    if (isSame(own.type, field.type)) continue
    if (!fits(own.type, field.type))
      throw mismatch(
        `column ${JSON.stringify(field.name)} is ${nameOf(own.type)} here, and ${nameOf(field.type)} in the unbounded source`,
      )
    casts.push(field)
  }
  const wanted = new Schema(casts)

  /** The columns that are cast, and the rows for which that went well. */
  function cast(batch: RecordBatch): { columns: ReadonlyMap<string, Data>; kept: Int32Array | undefined } {
    if (casts.length === 0) return { columns: new Map(), kept: undefined }
    const own = casts.map(({ name }) => from.fields.findIndex(field => field.name === name))
    const part = batchOf(
      new Schema(own.map(at => from.fields[at]!)),
      own.map(at => batch.data.children[at]!),
      batch.numRows,
    )
    const { batch: built, refused } = batchOfRows(wanted, rowsOf(part))
    const columns = new Map(built?.data.children.map((data, at) => [casts[at]!.name, data]))
    if (refused.length === 0) return { columns, kept: undefined }
    const gone = rowsOf(
      take(
        batch,
        refused.map(({ row }) => row),
      ),
    )
    for (const [at, { message }] of refused.entries()) dead({ code: 'bad_row', message, row: gone[at]! })
    const left = new Set(refused.map(({ row }) => row))
    return { columns, kept: Int32Array.from({ length: batch.numRows }, (_, row) => row).filter(row => !left.has(row)) }
  }

  return whole => {
    const { columns, kept } = cast(whole)
    if (kept?.length === 0) return undefined
    const batch = kept === undefined ? whole : take(whole, kept)
    const data = to.fields.map(
      ({ name }, at) => columns.get(name) ?? batch.data.children[places[at]!] ?? inserts(batch.numRows),
    )
    return batchOf(to, data, batch.numRows)
  }
}

const mismatch = (message: string) => new PipelineError('bad_pipeline', message)

const isSame = (a: DataType, b: DataType): boolean => nameOf(a) === nameOf(b)

/** Casts that keep every value, or say for each that they cannot. */
function fits(from: DataType, to: DataType): boolean {
  const isNumber = (type: DataType) => DataType.isInt(type) || DataType.isDecimal(type)
  const isScalar = (type: DataType) =>
    type.children === null || type.children === undefined || type.children.length === 0
  if (isNumber(from) && (isNumber(to) || DataType.isFloat(to))) return true
  if (DataType.isFloat(from) && DataType.isFloat(to)) return to.precision >= from.precision
  if ((DataType.isDate(from) || DataType.isTimestamp(from)) && DataType.isTimestamp(to)) return true
  if (DataType.isBinary(from) || DataType.isBinary(to)) return false
  return isScalar(from) && isScalar(to) && (DataType.isUtf8(from) || DataType.isUtf8(to))
}

/** `_gs_op` of rows that have none. */
function inserts(rows: number): Data {
  const valueOffsets = Int32Array.from({ length: rows + 1 }, (_, row) => row)
  return makeData({ type: new Utf8(), length: rows, nullCount: 0, valueOffsets, data: new Uint8Array(rows).fill(0x69) })
}
