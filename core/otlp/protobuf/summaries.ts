import { sealList } from './lists.ts'
import { Points } from './points.ts'
import type { Request, RowReader } from './request.ts'
import { columnsOf, type TableRows } from './table.ts'
import { ascii, CLOSE_OBJECT, writeByte, writeBytes, writeJsonDouble } from './text.ts'
import { fields } from './wire.ts'

/*
 * message SummaryDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4; double sum = 5;
 *   repeated ValueAtQuantile quantile_values = 6; repeated KeyValue attributes = 7; uint32 flags = 8; }
 * message ValueAtQuantile { double quantile = 1; double value = 2; }
 */
const START = 0x11
const TIME = 0x19
const COUNT = 0x21
const SUM = 0x29
const QUANTILE_VALUE = 0x32
const ATTRIBUTE = 0x3a
const FLAGS = 0x40
const known = fields(2, 3, 4, 5, 6, 7, 8)

const QUANTILE = 0x09
const VALUE = 0x11
const quantileFields = fields(1, 2)
const QUANTILE_KEY = ascii('{"quantile":')
const VALUE_KEY = ascii(',"value":')

const columns = columnsOf('otlp_metrics_summary')

export class SummaryReader implements RowReader {
  readonly points: Points
  readonly rows: TableRows

  constructor(request: Request) {
    this.rows = request.table('otlp_metrics_summary')
    this.points = new Points(request, this.rows, columns)
  }

  row(start: number, end: number): void {
    const { rows, points } = this
    const { wire, attributes } = points.request
    const list = attributes.open()
    let time = -1
    let from = -1
    let count = -1
    let sum = -1
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
        case COUNT:
          count = wire.fixed64(end)
          at = wire.pos
          break
        case SUM:
          sum = wire.fixed64(end)
          at = wire.pos
          break
        case QUANTILE_VALUE:
          at = wire.length(end)
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
    rows.fixed64(columns.count, wire, count)
    if (sum < 0) rows.real(columns.sum, 0)
    else points.real(columns.sum, sum)
    rows.text(columns.quantile_values, sealList(points.request, writeQuantile, QUANTILE_VALUE, start, end))
  }
}

function writeQuantile({ wire, pool }: Request, start: number, end: number): void {
  let quantile = 0
  let value = 0
  wire.pos = start
  while (wire.pos < end) {
    const tag = wire.tag(end)
    if (tag === QUANTILE) quantile = wire.double(end)
    else if (tag === VALUE) value = wire.double(end)
    else wire.skip(tag, end, quantileFields)
  }
  writeBytes(pool, QUANTILE_KEY)
  writeJsonDouble(pool, quantile)
  writeBytes(pool, VALUE_KEY)
  writeJsonDouble(pool, value)
  writeByte(pool, CLOSE_OBJECT)
}
