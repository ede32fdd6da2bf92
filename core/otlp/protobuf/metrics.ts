import type { ItemReader } from './decode.ts'
import { ExpHistogramReader } from './exp-histograms.ts'
import type { Head } from './head.ts'
import { HistogramReader } from './histograms.ts'
import { NumberReader } from './numbers.ts'
import type { Points } from './points.ts'
import { noText } from './pool.ts'
import type { Request, RowReader } from './request.ts'
import { SummaryReader } from './summaries.ts'
import { fields } from './wire.ts'

/*
 * message Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7;
 *   Histogram histogram = 9; ExponentialHistogram exponential_histogram = 10; Summary summary = 11; } repeated KeyValue metadata = 12; }
 * message Gauge, Summary                  { repeated … data_points = 1; }
 * message Histogram, ExponentialHistogram { repeated … data_points = 1; AggregationTemporality aggregation_temporality = 2; }
 * message Sum                             { the same, and bool is_monotonic = 3; }
 */
const NAME = 0x0a
const DESCRIPTION = 0x12
const UNIT = 0x1a
const GAUGE = 0x2a
const SUM = 0x3a
const HISTOGRAM = 0x4a
const EXP_HISTOGRAM = 0x52
const SUMMARY = 0x5a
const metricFields = fields(1, 2, 3, 5, 7, 9, 10, 11)

const POINT = 0x0a
const TEMPORALITY = 0x10
const MONOTONIC = 0x18
/** the fields of each kind of data: a Gauge may have an unknown field 2 */
const dataFields = {
  [GAUGE]: fields(1),
  [SUM]: fields(1, 2, 3),
  [HISTOGRAM]: fields(1, 2),
  [EXP_HISTOGRAM]: fields(1, 2),
  [SUMMARY]: fields(1),
}
type Kind = keyof typeof dataFields

type PointReader = RowReader & { readonly points: Points }
const makeReader: Record<Kind, (request: Request) => PointReader> = {
  [GAUGE]: request => new NumberReader(request, 'otlp_metrics_gauge'),
  [SUM]: request => new NumberReader(request, 'otlp_metrics_sum'),
  [HISTOGRAM]: request => new HistogramReader(request),
  [EXP_HISTOGRAM]: request => new ExpHistogramReader(request),
  [SUMMARY]: request => new SummaryReader(request),
}

export class MetricReader implements ItemReader {
  private readonly request: Request
  private readonly head: Head
  private readonly readers: Partial<Record<Kind, PointReader>> = {}
  /** why all metrics of the scope are refused */
  private refusal: string | undefined
  /** the metric in work: where its texts are, its kind and the pieces of its data */
  private name = 0
  private nameEnd = 0
  private description = 0
  private descriptionEnd = 0
  private unit = 0
  private unitEnd = 0
  private kind: Kind | 0 = 0
  private readonly pieces: number[] = []
  private temporality = 0
  private monotonic = false

  constructor(request: Request, head: Head) {
    this.request = request
    this.head = head
    request.context = () => `metric ${JSON.stringify(this.nameText())}: `
  }

  scope(): void {
    this.refusal = this.request.refusal
  }

  item(start: number, end: number): void {
    const { wire } = this.request
    this.read(start, end)
    const { kind } = this
    const pieces = this.pieces
    if (kind === 0) return
    const count = this.readData(kind)
    if (count === 0) return
    // most requests have few kinds, and a table costs something
    const reader = (this.readers[kind] ??= makeReader[kind](this.request))
    this.request.refusal = this.refusal
    this.request.guard('its texts', () => this.template(reader.points))
    reader.rows.reserve(count)
    for (let k = 0; k < pieces.length; k += 2) {
      const dataEnd = pieces[k + 1]!
      let at = pieces[k]!
      while (at < dataEnd) {
        wire.pos = at
        const tag = wire.tag(dataEnd)
        if (tag === POINT) {
          at = wire.length(dataEnd)
          this.request.record(reader, wire.pos, at)
        } else {
          wire.skip(tag, dataEnd, 0)
          at = wire.pos
        }
      }
    }
  }

  private read(start: number, end: number): void {
    const pieces = this.pieces
    const { wire } = this.request
    this.name = this.nameEnd = this.description = this.descriptionEnd = this.unit = this.unitEnd = 0
    this.kind = 0
    pieces.length = 0
    wire.pos = start
    while (wire.pos < end) {
      const tag = wire.tag(end)
      switch (tag) {
        case NAME:
          this.nameEnd = wire.length(end)
          this.name = wire.pos
          wire.pos = this.nameEnd
          break
        case DESCRIPTION:
          this.descriptionEnd = wire.length(end)
          this.description = wire.pos
          wire.pos = this.descriptionEnd
          break
        case UNIT:
          this.unitEnd = wire.length(end)
          this.unit = wire.pos
          wire.pos = this.unitEnd
          break
        case GAUGE:
        case SUM:
        case HISTOGRAM:
        case EXP_HISTOGRAM:
        case SUMMARY: {
          const to = wire.length(end)
          // one kind that comes twice is merged, another one takes its place
          if (tag !== this.kind) pieces.length = 0
          this.kind = tag
          pieces.push(wire.pos, to)
          wire.pos = to
          break
        }
        default:
          wire.skip(tag, end, metricFields)
      }
    }
  }

  /** Reads what stands beside the points, and says how many those are. */
  private readData(kind: Kind): number {
    const { wire } = this.request
    const pieces = this.pieces
    this.temporality = 0
    this.monotonic = false
    const known = dataFields[kind]
    let count = 0
    for (let k = 0; k < pieces.length; k += 2) {
      const end = pieces[k + 1]!
      wire.pos = pieces[k]!
      while (wire.pos < end) {
        const tag = wire.tag(end)
        if (tag === POINT) {
          wire.pos = wire.length(end)
          count++
        } else if (tag === TEMPORALITY && known & fields(2)) this.temporality = wire.int32(end)
        else if (tag === MONOTONIC && kind === SUM) this.monotonic = wire.bool(end)
        else wire.skip(tag, end, known)
      }
    }
    return count
  }

  /** What the rows of all points of the metric have in common. */
  private template({ rows, columns }: Points): void {
    const { wire, pool } = this.request
    this.head.apply(rows, columns)
    const text = (start: number, end: number, field: string) =>
      start < end ? pool.intern(wire.bytes, start, end, field) : noText
    rows.templateText(columns.name, pool.intern(wire.bytes, this.name, this.nameEnd, 'name'))
    rows.templateText(columns.description, text(this.description, this.descriptionEnd, 'description'))
    rows.templateText(columns.unit, text(this.unit, this.unitEnd, 'unit'))
    if (columns.aggregation_temporality !== undefined)
      rows.templateInt(columns.aggregation_temporality, this.temporality)
    if (columns.is_monotonic !== undefined) rows.templateInt(columns.is_monotonic, this.monotonic ? 1 : 0)
  }

  private nameText(): string {
    return new TextDecoder().decode(this.request.wire.bytes.subarray(this.name, this.nameEnd))
  }
}
