import { Points } from './points.ts'
import type { Request, RowReader } from './request.ts'
import { scalar, writeScalars } from './scalars.ts'
import { columnsOf, type TableRows } from './table.ts'
import { CLOSE_ARRAY, OPEN_ARRAY, writeByte, writeClose } from './text.ts'
import { fields } from './wire.ts'

/*
 * message ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
 *   fixed64 count = 4; optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9;
 *   uint32 flags = 10; repeated Exemplar exemplars = 11; optional double min = 12; optional double max = 13; double zero_threshold = 14; }
 * message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
 */
const ATTRIBUTE = 0x0a
const START = 0x11
const TIME = 0x19
const COUNT = 0x21
const SUM = 0x29
const SCALE = 0x30
const ZERO_COUNT = 0x39
const POSITIVE = 0x42
const NEGATIVE = 0x4a
const FLAGS = 0x50
const EXEMPLAR = 0x5a
const MIN = 0x61
const MAX = 0x69
const ZERO_THRESHOLD = 0x71
const known = fields(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)

const OFFSET = 0x08
const COUNTS_FIELD = 2
const COUNT_OF_BUCKET = 0x10
const COUNTS_PACKED = 0x12
const bucketFields = fields(1, 2)

const columns = columnsOf('otlp_metrics_exp_histogram')

export class ExpHistogramReader implements RowReader {
  readonly points: Points
  readonly rows: TableRows

  constructor(request: Request) {
    this.rows = request.table('otlp_metrics_exp_histogram')
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
    let scale = 0
    let zeroCount = -1
    let zeroThreshold = -1
    let positive = false
    let negative = false
    let exemplars = 0
    let flags = 0
    let at = start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      switch (tag) {
        case ATTRIBUTE:
          at = wire.length(end)
          attributes.add(wire.pos, at)
          break
        case START:
          from = wire.fixed64(end)
          at = wire.pos
          break
        case TIME:
          time = wire.fixed64(end)
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
        case SCALE:
          scale = wire.sint32(end)
          at = wire.pos
          break
        case ZERO_COUNT:
          zeroCount = wire.fixed64(end)
          at = wire.pos
          break
        case POSITIVE:
          at = wire.length(end)
          positive = true
          break
        case NEGATIVE:
          at = wire.length(end)
          negative = true
          break
        case FLAGS:
          flags = wire.uint32(end)
          at = wire.pos
          break
        case EXEMPLAR:
          at = wire.length(end)
          exemplars++
          break
        case MIN:
          min = wire.fixed64(end)
          at = wire.pos
          break
        case MAX:
          max = wire.fixed64(end)
          at = wire.pos
          break
        case ZERO_THRESHOLD:
          zeroThreshold = wire.fixed64(end)
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
    rows.int(columns.scale, scale)
    rows.fixed64(columns.zero_count, wire, zeroCount)
    if (zeroThreshold < 0) rows.real(columns.zero_threshold, 0)
    else points.real(columns.zero_threshold, zeroThreshold)
    if (positive) this.buckets(POSITIVE, columns.positive_offset, columns.positive_bucket_counts, start, end)
    if (negative) this.buckets(NEGATIVE, columns.negative_offset, columns.negative_bucket_counts, start, end)
    if (exemplars > 0) points.exemplars(EXEMPLAR, start, end)
  }

  /** The Buckets under `wanted`, a tag; more than one are merged. */
  private buckets(wanted: number, offsetColumn: number, countsColumn: number, start: number, end: number): void {
    const { wire, pool } = this.points.request
    const from = pool.length
    let offset = 0
    writeByte(pool, OPEN_ARRAY)
    let at = start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      if (tag !== wanted) {
        wire.skip(tag, end, 0)
        at = wire.pos
        continue
      }
      at = wire.length(end)
      const first = wire.pos
      while (wire.pos < at) {
        const field = wire.tag(at)
        if (field === OFFSET) offset = wire.sint32(at)
        else if (field === COUNTS_PACKED) wire.pos = wire.length(at)
        else if (field === COUNT_OF_BUCKET) wire.varint(at)
        else wire.skip(field, at, bucketFields)
      }
      writeScalars(wire, pool, scalar.varint, COUNTS_FIELD, first, at)
    }
    writeClose(pool, CLOSE_ARRAY)
    this.rows.int(offsetColumn, offset)
    this.rows.text(countsColumn, pool.seal(from))
  }
}
