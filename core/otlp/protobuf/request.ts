import { cell, type DeadRecord, type DecodeOptions, type Records, type RecordTable } from '../records.ts'
import type { OtlpTable } from '../tables.ts'
import { Attributes } from './attributes.ts'
import { Budget } from './budget.ts'
import { TextPool } from './pool.ts'
import { Positions } from './positions.ts'
import { TableRows } from './table.ts'
import { Values } from './values.ts'
import { Refusal, Wire } from './wire.ts'

const defaultDepth = 64
const defaultRecordBytes = 16 * 1024 * 1024
const defaultMemory = 1024 * 1024 * 1024
/** the most that the pool begins with, however large the request is */
const firstPoolBytes = 1024 * 1024

export interface OtlpDecodeOptions extends DecodeOptions {
  /** records that were refused before, in order of `at`: they keep their positions, and are among the dead ones */
  refused?: readonly DeadRecord[]
  /** bytes that the rows of the request may take, in memory and again as they are stored. Default 1 GiB */
  maxMemory?: number
}

/** What makes a row of the record at [start, end), between `begin` and `commit` of its table. */
export interface RowReader {
  readonly rows: TableRows
  row(start: number, end: number): void
}

/** What the parts of a decoder share while they read one request. */
export class Request {
  readonly wire: Wire
  readonly pool: TextPool
  readonly values: Values
  readonly attributes: Attributes
  readonly promote: readonly string[]
  /** why all records are refused that come now: their resource, scope or metric breaks a rule */
  refusal: string | undefined
  /** what the messages of refused records begin with */
  context: (() => string) | undefined
  private readonly positions: Positions
  private readonly maxRecordBytes: number
  private readonly budget: Budget
  private readonly tables: TableRows[] = []

  constructor(body: Uint8Array, options: OtlpDecodeOptions) {
    this.budget = new Budget(options.maxMemory ?? defaultMemory)
    this.maxRecordBytes = options.maxRecordBytes ?? defaultRecordBytes
    this.promote = options.promote ?? []
    // not what a Buffer is: one kind of array keeps the compiled code to one path
    this.wire = new Wire(new Uint8Array(body.buffer, body.byteOffset, body.byteLength))
    this.pool = new TextPool(Math.min(firstPoolBytes, 256 + 2 * body.length), this.budget)
    this.values = new Values(this.wire, this.pool, options.maxDepth ?? defaultDepth)
    this.attributes = new Attributes(this.wire, this.pool, this.values)
    this.positions = new Positions(options.refused ?? [], this.maxRecordBytes, this.budget)
  }

  table(table: OtlpTable): TableRows {
    const rows = new TableRows(table, this.promote.length, this.budget)
    this.tables.push(rows)
    return rows
  }

  /** The record at [start, end) takes the next position: as a row, or as a dead letter. */
  record(reader: RowReader, start: number, end: number): void {
    const { wire, pool, maxRecordBytes } = this
    const { length, count } = pool
    const at = this.positions.take()
    try {
      if (this.refusal !== undefined) throw new Refusal(this.refusal)
      const size = end - start
      if (size > maxRecordBytes) throw new Refusal(`the record has ${size} bytes, more than ${maxRecordBytes}`)
      reader.rows.begin()
      reader.row(start, end)
      const text = pool.length - length
      if (text > maxRecordBytes)
        throw new Refusal(`the texts of the record have ${text} bytes, more than ${maxRecordBytes}`)
      reader.rows.commit(at)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.undo(length, count)
      const where = error.at < 0 ? '' : `broken at byte ${error.at - start} of the record: `
      this.positions.refuse(at, wire.bytes, start, end, `${this.context?.() ?? ''}${where}${error.reason}`)
    }
  }

  /** Runs `read`; where a rule is broken in it all records that come are refused, until `refusal` is cleared. */
  guard(what: string, read: () => void): void {
    const { length, count } = this.pool
    try {
      read()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.undo(length, count)
      this.refusal ??= `${what}: ${error.at < 0 ? error.reason : `its bytes are broken: ${error.reason}`}`
    }
  }

  private undo(length: number, count: number): void {
    this.pool.cut(length, count)
    this.attributes.close(0)
  }

  finish(): Records {
    const count = this.positions.finish()
    const { pool, positions } = this
    const tables = this.tables.map(rows => rows.finish()).filter((table): table is RecordTable => table !== undefined)
    const poolSpans = pool.spans.slice(0, 2 * pool.count)
    for (const table of tables) this.budget.take(textBytes(table, poolSpans))
    return { count, tables, pool: pool.bytes.slice(0, pool.length), poolSpans, dead: positions.dead }
  }
}

/** Bytes of the texts as they are stored: one that many rows share is in each of them then. */
function textBytes({ kinds, cells }: RecordTable, spans: Uint32Array): number {
  const indexes = new Float64Array(cells, 0, kinds.length)
  let bytes = 0
  for (let at = 0; at < kinds.length; at++)
    if (kinds[at] === cell.text) {
      const k = 2 * indexes[at]!
      bytes += spans[k + 1]! - spans[k]!
    }
  return bytes
}
