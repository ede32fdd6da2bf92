import { cell, type RecordTable } from '../records.ts'
import { type OtlpTable, otlpTables } from '../tables.ts'
import type { Budget } from './budget.ts'
import { noText } from './pool.ts'
import type { Wire } from './wire.ts'

type Name<T extends OtlpTable> = (typeof otlpTables)[T][number][0]

/** Where each column of a table stands. */
export function columnsOf<T extends OtlpTable>(table: T): Record<Name<T>, number> {
  const columns = otlpTables[table].map(([name], index) => [name, index])
  return Object.fromEntries(columns) as Record<Name<T>, number>
}

/** memory of one cell: its kind and eight bytes */
const cellBytes = 9

/**
 * The rows of one table. A row begins as a copy of the template, which has what it shares with its neighbours; the
 * setters fill it, and only `commit` makes it count.
 */
export class TableRows {
  readonly table: OtlpTable
  readonly width: number
  private readonly budget: Budget
  private readonly templateKinds: Uint8Array
  private readonly template: Float64Array
  private kinds: Uint8Array<ArrayBuffer>
  private cells: ArrayBuffer
  private numbers: Float64Array
  private words: Uint32Array
  private at: Uint32Array<ArrayBuffer>
  private rows = 0
  /** first cell of the row in work */
  private base = 0
  /** version of the head that the template has */
  head = 0

  constructor(table: OtlpTable, promoted: number, budget: Budget) {
    this.table = table
    this.width = otlpTables[table].length + promoted
    this.budget = budget
    this.templateKinds = new Uint8Array(this.width)
    this.template = new Float64Array(this.width)
    this.at = new Uint32Array(0)
    this.kinds = new Uint8Array(0)
    this.cells = new ArrayBuffer(0)
    this.numbers = new Float64Array(this.cells)
    this.words = new Uint32Array(this.cells)
  }

  /** Makes room for `more` rows that are known to come. */
  reserve(more: number): void {
    const capacity = this.at.length
    if (this.rows + more <= capacity) return
    const grown = capacity === 0 ? more : Math.max(2 * capacity, this.rows + more)
    this.budget.take((grown - capacity) * (cellBytes * this.width + 4))
    this.resize(grown)
  }

  private resize(capacity: number): void {
    const { rows, width } = this
    const at = new Uint32Array(capacity)
    at.set(this.at.subarray(0, rows))
    this.at = at
    const kinds = new Uint8Array(capacity * width)
    kinds.set(this.kinds.subarray(0, rows * width))
    this.kinds = kinds
    const numbers = new Float64Array(capacity * width)
    // as words: a signed integer that looks like a NaN must stay as it is
    const words = new Uint32Array(numbers.buffer)
    words.set(this.words.subarray(0, 2 * rows * width))
    this.cells = numbers.buffer
    this.numbers = numbers
    this.words = words
  }

  templateText(column: number, index: number): void {
    this.templateKinds[column] = index === noText ? cell.null : cell.text
    this.template[column] = index
  }

  templateInt(column: number, value: number): void {
    this.templateKinds[column] = cell.int
    this.template[column] = value
  }

  begin(): void {
    if (this.rows === this.at.length) this.reserve(1)
    const { kinds, numbers, template, templateKinds, width } = this
    const base = this.rows * width
    for (let k = 0; k < width; k++) {
      kinds[base + k] = templateKinds[k]!
      numbers[base + k] = template[k]!
    }
    this.base = base
  }

  commit(position: number): void {
    this.at[this.rows++] = position
  }

  /** NULL where the text is none. */
  text(column: number, index: number): void {
    if (index === noText) return
    this.kinds[this.base + column] = cell.text
    this.numbers[this.base + column] = index
  }

  int(column: number, value: number): void {
    this.kinds[this.base + column] = cell.int
    this.numbers[this.base + column] = value
  }

  /** Never NaN, which is a text. */
  real(column: number, value: number): void {
    this.kinds[this.base + column] = cell.real
    this.numbers[this.base + column] = value
  }

  u64(column: number, low: number, high: number): void {
    if (high < 0x20_0000) this.int(column, high * 0x1_0000_0000 + low)
    else this.bits(column, cell.u64, low, high)
  }

  i64(column: number, low: number, high: number): void {
    const signed = high | 0
    if (signed >= -0x20_0000 && signed < 0x20_0000) this.int(column, signed * 0x1_0000_0000 + low)
    else this.bits(column, cell.i64, low, high)
  }

  /** Eight bytes at `at`, as an unsigned number; 0 where there are none. */
  fixed64(column: number, wire: Wire, at: number): void {
    if (at < 0) this.int(column, 0)
    else this.u64(column, wire.view.getUint32(at, true), wire.view.getUint32(at + 4, true))
  }

  /** As `fixed64`, but 0 is NULL. */
  time(column: number, wire: Wire, at: number): void {
    if (at < 0) return
    const low = wire.view.getUint32(at, true)
    const high = wire.view.getUint32(at + 4, true)
    if (low !== 0 || high !== 0) this.u64(column, low, high)
  }

  private bits(column: number, kind: number, low: number, high: number): void {
    this.kinds[this.base + column] = kind
    const at = 2 * (this.base + column)
    this.words[at] = low
    this.words[at + 1] = high
  }

  finish(): RecordTable | undefined {
    if (this.rows === 0) return undefined
    if (this.rows < this.at.length) this.resize(this.rows)
    const { table, rows, width, at, kinds, cells } = this
    return { table, rows, width, at, kinds, cells }
  }
}
