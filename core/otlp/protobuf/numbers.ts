import { Points } from './points.ts'
import type { Request, RowReader } from './request.ts'
import { columnsOf, type TableRows } from './table.ts'
import { fields } from './wire.ts'

/*
 * message NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; repeated KeyValue attributes = 7;
 *   oneof value { double as_double = 4; sfixed64 as_int = 6; } repeated Exemplar exemplars = 5; uint32 flags = 8; }
 */
const START = 0x11
const TIME = 0x19
const AS_DOUBLE = 0x21
const EXEMPLAR = 0x2a
const AS_INT = 0x31
const ATTRIBUTE = 0x3a
const FLAGS = 0x40
const known = fields(2, 3, 4, 5, 6, 7, 8)

export class NumberReader implements RowReader {
  readonly points: Points
  readonly rows: TableRows
  private readonly intValue: number
  private readonly doubleValue: number

  constructor(request: Request, table: 'otlp_metrics_gauge' | 'otlp_metrics_sum') {
    const columns = columnsOf(table)
    this.rows = request.table(table)
    this.points = new Points(request, this.rows, columns)
    this.intValue = columns.int_value
    this.doubleValue = columns.double_value
  }

  row(start: number, end: number): void {
    const { rows, points } = this
    const { wire, attributes } = points.request
    const list = attributes.open()
    let time = -1
    let from = -1
    let value = -1
    let isInt = false
    let exemplars = 0
    let flags = 0
    let at = start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      switch (tag) {
        case TIME:
          time = wire.fixed64(end)
          at = wire.pos
          break
        case START:
          from = wire.fixed64(end)
          at = wire.pos
          break
        case AS_DOUBLE:
        case AS_INT:
          value = wire.fixed64(end)
          isInt = tag === AS_INT
          at = wire.pos
          break
        case EXEMPLAR:
          at = wire.length(end)
          exemplars++
          break
        case ATTRIBUTE:
          at = wire.length(end)
          attributes.add(wire.pos, at)
          break
        case FLAGS:
          flags = wire.uint32(end)
          at = wire.pos
          break
        default:
          wire.skip(tag, end, known)
          at = wire.pos
      }
    }
    points.common(list, time, from, flags)
    if (!isInt) points.real(this.doubleValue, value)
    else rows.i64(this.intValue, wire.view.getUint32(value, true), wire.view.getUint32(value + 4, true))
    if (exemplars > 0) points.exemplars(EXEMPLAR, start, end)
  }
}
