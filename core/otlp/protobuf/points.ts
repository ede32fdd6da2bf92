import { writeExemplar } from './exemplars.ts'
import type { HeadColumns } from './head.ts'
import { sealList } from './lists.ts'
import { noText } from './pool.ts'
import type { Request } from './request.ts'
import type { TableRows } from './table.ts'
import { ascii } from './text.ts'

const NAN = ascii('NaN')

export type PointColumns = HeadColumns &
  Record<
    'time_unix_nano' | 'start_time_unix_nano' | 'name' | 'description' | 'unit' | 'metric_attributes' | 'flags',
    number
  > & { exemplars_json?: number; aggregation_temporality?: number; is_monotonic?: number }

/** A table of data points, and what points of all kinds have. */
export class Points {
  readonly request: Request
  readonly rows: TableRows
  readonly columns: PointColumns
  /** the attributes of the point before */
  private attributes = noText

  constructor(request: Request, rows: TableRows, columns: PointColumns) {
    this.request = request
    this.rows = rows
    this.columns = columns
  }

  /** Fills the columns that all kinds have; times are where their bytes are, -1 for none. */
  common(list: number, time: number, start: number, flags: number): void {
    const { rows, columns } = this
    const { wire, attributes } = this.request
    this.attributes = attributes.seal(list, 'attributes', this.attributes)
    rows.text(columns.metric_attributes, this.attributes)
    rows.fixed64(columns.time_unix_nano, wire, time)
    rows.time(columns.start_time_unix_nano, wire, start)
    rows.int(columns.flags, flags)
  }

  /** Fills the column of the exemplars, which stand under `tag` in the point at [start, end). */
  exemplars(tag: number, start: number, end: number): void {
    this.rows.text(this.columns.exemplars_json!, sealList(this.request, writeExemplar, tag, start, end))
  }

  /** The double at `at`; NULL where there is none. SQLite has no NaN: that is a text. */
  real(column: number, at: number): void {
    if (at < 0) return
    const value = this.request.wire.view.getFloat64(at, true)
    if (Number.isNaN(value)) this.rows.text(column, this.request.pool.intern(NAN, 0, NAN.length, 'a number'))
    else this.rows.real(column, value)
  }
}
