import { Points } from './points.ts'
import type { Request, RowReader } from './request.ts'
import { scalar, writeScalars } from './scalars.ts'
import { columnsOf, type TableRows } from './table.ts'
import { CLOSE_ARRAY, OPEN_ARRAY, writeByte, writeClose } from './text.ts'
import { fields } from './wire.ts'

/*
 * message HistogramDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; repeated KeyValue attributes = 9;
 *   fixed64 count = 4; optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
 *   repeated Exemplar exemplars = 8; uint32 flags = 10; optional double min = 11; optional double max = 12; }
 */
const START = 0x11
const TIME = 0x19
const COUNT = 0x21
const SUM = 0x29
const COUNTS_FIELD = 6
const COUNT_OF_BUCKET = 0x31
const COUNTS_PACKED = 0x32
const BOUNDS_FIELD = 7
const BOUND = 0x39
const BOUNDS_PACKED = 0x3a
const EXEMPLAR = 0x42
const ATTRIBUTE = 0x4a
const FLAGS = 0x50
const MIN = 0x59
const MAX = 0x61
const known = fields(2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)

const columns = columnsOf('otlp_metrics_histogram')

export class HistogramReader implements RowReader {
  readonly points: Points
  readonly rows: TableRows

  constructor(request: Request) {
    this.rows = request.table('otlp_metrics_histogram')
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
    let min = -1
    let max = -1
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
        case COUNT:
          count = wire.fixed64(end)
          at = wire.pos
          break
        case SUM:
          sum = wire.fixed64(end)
          at = wire.pos
          break
        case MIN:
          min = wire.fixed64(end)
          at = wire.pos
          break
        case MAX:
          max = wire.fixed64(end)
          at = wire.pos
          break
        case COUNT_OF_BUCKET:
        case BOUND:
          at = wire.fixed64(end) + 8
          break
        case COUNTS_PACKED:
        case BOUNDS_PACKED:
          at = wire.length(end)
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
    rows.fixed64(columns.count, wire, count)
    points.real(columns.sum, sum)
    points.real(columns.min, min)
    points.real(columns.max, max)
    rows.text(columns.bucket_counts, this.array(scalar.fixed64, COUNTS_FIELD, start, end))
    rows.text(columns.explicit_bounds, this.array(scalar.double, BOUNDS_FIELD, start, end))
    if (exemplars > 0) points.exemplars(EXEMPLAR, start, end)
  }

  private array(kind: 1 | 2, field: number, start: number, end: number): number {
    const { wire, pool } = this.points.request
    const from = pool.length
    writeByte(pool, OPEN_ARRAY)
    writeScalars(wire, pool, kind, field, start, end)
    writeClose(pool, CLOSE_ARRAY)
    return pool.seal(from)
  }
}
