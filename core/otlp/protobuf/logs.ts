import type { ItemReader } from './decode.ts'
import type { Head } from './head.ts'
import { idText, spanIdBytes, traceIdBytes } from './ids.ts'
import { noText } from './pool.ts'
import type { Request, RowReader } from './request.ts'
import { columnsOf, type TableRows } from './table.ts'
import { fields } from './wire.ts'

/*
 * message LogRecord {
 *   fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; SeverityNumber severity_number = 2; string severity_text = 3;
 *   AnyValue body = 5; repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
 *   bytes trace_id = 9; bytes span_id = 10; string event_name = 12; }
 */
const TIME = 0x09
const SEVERITY_NUMBER = 0x10
const SEVERITY_TEXT = 0x1a
const BODY = 0x2a
const ATTRIBUTE = 0x32
const DROPPED = 0x38
const FLAGS = 0x45
const TRACE_ID = 0x4a
const SPAN_ID = 0x52
const OBSERVED_TIME = 0x59
const EVENT_NAME = 0x62
const known = fields(1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)

const columns = columnsOf('otlp_logs')

export class LogReader implements ItemReader, RowReader {
  readonly rows: TableRows
  private readonly request: Request
  private readonly head: Head
  /** texts of the row before */
  private traceId = noText
  private spanId = noText
  private body = noText
  private attributes = noText

  constructor(request: Request, head: Head) {
    this.request = request
    this.head = head
    this.rows = request.table('otlp_logs')
  }

  scope(count: number): void {
    this.rows.reserve(count)
    this.head.apply(this.rows, columns)
  }

  item(start: number, end: number): void {
    this.request.record(this, start, end)
  }

  row(start: number, end: number): void {
    const { rows } = this
    const { wire, pool, attributes, values } = this.request
    const { bytes } = wire
    let time = -1
    let observed = -1
    let severity = 0
    let severityText = 0
    let severityEnd = 0
    let dropped = 0
    let flags = 0
    let traceId = 0
    let traceEnd = 0
    let spanId = 0
    let spanEnd = 0
    let eventName = 0
    let eventEnd = 0
    const list = attributes.open()
    values.begin()
    let at = start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      switch (tag) {
        case TIME:
          time = wire.fixed64(end)
          at = wire.pos
          break
        case OBSERVED_TIME:
          observed = wire.fixed64(end)
          at = wire.pos
          break
        case SEVERITY_NUMBER:
          severity = wire.int32(end)
          at = wire.pos
          break
        case SEVERITY_TEXT:
          at = severityEnd = wire.length(end)
          severityText = wire.pos
          break
        case BODY:
          at = wire.length(end)
          values.feed(wire.pos, at)
          break
        case ATTRIBUTE:
          at = wire.length(end)
          attributes.add(wire.pos, at)
          break
        case DROPPED:
          dropped = wire.uint32(end)
          at = wire.pos
          break
        case FLAGS:
          flags = wire.fixed32(end)
          at = wire.pos
          break
        case TRACE_ID:
          at = traceEnd = wire.length(end)
          traceId = wire.pos
          break
        case SPAN_ID:
          at = spanEnd = wire.length(end)
          spanId = wire.pos
          break
        case EVENT_NAME:
          at = eventEnd = wire.length(end)
          eventName = wire.pos
          break
        default:
          wire.skip(tag, end, known)
          at = wire.pos
      }
    }
    // the body first: `values` holds it until an attribute is looked at
    rows.text(columns.body, (this.body = values.text('body', this.body)))
    rows.text(columns.log_attributes, (this.attributes = attributes.seal(list, 'log attributes', this.attributes)))
    rows.time(columns.time_unix_nano, wire, time)
    rows.time(columns.observed_time_unix_nano, wire, observed)
    if (severity !== 0) rows.int(columns.severity_number, severity)
    if (severityText < severityEnd)
      rows.text(columns.severity_text, pool.intern(bytes, severityText, severityEnd, 'severity_text'))
    if (eventName < eventEnd) rows.text(columns.event_name, pool.intern(bytes, eventName, eventEnd, 'event_name'))
    this.traceId = idText(pool, bytes, traceId, traceEnd, traceIdBytes, 'trace_id', this.traceId)
    rows.text(columns.trace_id, this.traceId)
    this.spanId = idText(pool, bytes, spanId, spanEnd, spanIdBytes, 'span_id', this.spanId)
    rows.text(columns.span_id, this.spanId)
    rows.int(columns.dropped_attributes_count, dropped)
    rows.int(columns.flags, flags)
  }
}
