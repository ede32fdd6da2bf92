import type { ItemReader } from './decode.ts'
import type { Head } from './head.ts'
import { hasId, idText, spanIdBytes, traceIdBytes } from './ids.ts'
import { sealList } from './lists.ts'
import { noText } from './pool.ts'
import type { Request, RowReader } from './request.ts'
import { writeEvent, writeLink } from './span-parts.ts'
import { columnsOf, type TableRows } from './table.ts'
import { fields, Refusal } from './wire.ts'

/*
 * message Span {
 *   bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16; string name = 5;
 *   SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
 *   uint32 dropped_attributes_count = 10; repeated Event events = 11; uint32 dropped_events_count = 12;
 *   repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15; }
 * message Status { string message = 2; StatusCode code = 3; }
 */
const TRACE_ID = 0x0a
const SPAN_ID = 0x12
const TRACE_STATE = 0x1a
const PARENT_ID = 0x22
const NAME = 0x2a
const KIND = 0x30
const START = 0x39
const END = 0x41
const ATTRIBUTE = 0x4a
const DROPPED_ATTRIBUTES = 0x50
const EVENT = 0x5a
const DROPPED_EVENTS = 0x60
const LINK = 0x6a
const DROPPED_LINKS = 0x70
const STATUS = 0x7a
const FLAGS = 0x85
const known = fields(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)

const STATUS_MESSAGE = 0x12
const STATUS_CODE = 0x18
const statusFields = fields(2, 3)

const columns = columnsOf('otlp_traces')

export class SpanReader implements ItemReader, RowReader {
  readonly rows: TableRows
  private readonly request: Request
  private readonly head: Head
  /** texts of the row before */
  private traceId = noText
  private parentId = noText
  private attributes = noText
  /** the status in work */
  private code = 0
  private message = 0
  private messageEnd = 0

  constructor(request: Request, head: Head) {
    this.request = request
    this.head = head
    this.rows = request.table('otlp_traces')
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
    const { wire, pool, attributes } = this.request
    const { bytes } = wire
    let traceId = 0
    let traceEnd = 0
    let spanId = 0
    let spanEnd = 0
    let parentId = 0
    let parentEnd = 0
    let state = 0
    let stateEnd = 0
    let name = 0
    let nameEnd = 0
    let kind = 0
    let from = -1
    let to = -1
    let droppedAttributes = 0
    let droppedEvents = 0
    let droppedLinks = 0
    let flags = 0
    let events = 0
    let links = 0
    this.code = this.message = this.messageEnd = 0
    const list = attributes.open()
    let at = start
    while (at < end) {
      wire.pos = at
      const tag = wire.tag(end)
      switch (tag) {
        case TRACE_ID:
          at = traceEnd = wire.length(end)
          traceId = wire.pos
          break
        case SPAN_ID:
          at = spanEnd = wire.length(end)
          spanId = wire.pos
          break
        case TRACE_STATE:
          at = stateEnd = wire.length(end)
          state = wire.pos
          break
        case PARENT_ID:
          at = parentEnd = wire.length(end)
          parentId = wire.pos
          break
        case NAME:
          at = nameEnd = wire.length(end)
          name = wire.pos
          break
        case KIND:
          kind = wire.int32(end)
          at = wire.pos
          break
        case START:
          from = wire.fixed64(end)
          at = wire.pos
          break
        case END:
          to = wire.fixed64(end)
          at = wire.pos
          break
        case ATTRIBUTE:
          at = wire.length(end)
          attributes.add(wire.pos, at)
          break
        case DROPPED_ATTRIBUTES:
          droppedAttributes = wire.uint32(end)
          at = wire.pos
          break
        case EVENT:
          at = wire.length(end)
          events++
          break
        case DROPPED_EVENTS:
          droppedEvents = wire.uint32(end)
          at = wire.pos
          break
        case LINK:
          at = wire.length(end)
          links++
          break
        case DROPPED_LINKS:
          droppedLinks = wire.uint32(end)
          at = wire.pos
          break
        case STATUS:
          at = wire.length(end)
          this.readStatus(wire.pos, at)
          break
        case FLAGS:
          flags = wire.fixed32(end)
          at = wire.pos
          break
        default:
          wire.skip(tag, end, known)
          at = wire.pos
      }
    }
    rows.text(columns.span_attributes, (this.attributes = attributes.seal(list, 'span attributes', this.attributes)))
    if (events > 0) rows.text(columns.events_json, sealList(this.request, writeEvent, EVENT, start, end))
    if (links > 0) rows.text(columns.links_json, sealList(this.request, writeLink, LINK, start, end))
    rows.fixed64(columns.start_time_unix_nano, wire, from)
    this.duration(from, to)
    if (!hasId(bytes, traceId, traceEnd, traceIdBytes, 'trace_id')) throw new Refusal('trace_id is empty or all zeros')
    if (!hasId(bytes, spanId, spanEnd, spanIdBytes, 'span_id')) throw new Refusal('span_id is empty or all zeros')
    this.traceId = idText(pool, bytes, traceId, traceEnd, traceIdBytes, 'trace_id', this.traceId)
    rows.text(columns.trace_id, this.traceId)
    rows.text(columns.span_id, idText(pool, bytes, spanId, spanEnd, spanIdBytes, 'span_id', noText))
    this.parentId = idText(pool, bytes, parentId, parentEnd, spanIdBytes, 'parent_span_id', this.parentId)
    rows.text(columns.parent_span_id, this.parentId)
    if (state < stateEnd) rows.text(columns.trace_state, pool.intern(bytes, state, stateEnd, 'trace_state'))
    rows.text(columns.name, pool.intern(bytes, name, nameEnd, 'name'))
    rows.int(columns.kind, kind)
    rows.int(columns.status_code, this.code)
    if (this.message < this.messageEnd)
      rows.text(
        columns.status_status_message,
        pool.intern(bytes, this.message, this.messageEnd, 'message of the status'),
      )
    rows.int(columns.dropped_attributes_count, droppedAttributes)
    rows.int(columns.dropped_events_count, droppedEvents)
    rows.int(columns.dropped_links_count, droppedLinks)
    rows.int(columns.flags, flags)
  }

  private readStatus(start: number, end: number): void {
    const { wire } = this.request
    wire.pos = start
    while (wire.pos < end) {
      const tag = wire.tag(end)
      if (tag === STATUS_MESSAGE) {
        this.messageEnd = wire.length(end)
        this.message = wire.pos
        wire.pos = this.messageEnd
      } else if (tag === STATUS_CODE) this.code = wire.int32(end)
      else wire.skip(tag, end, statusFields)
    }
  }

  /** end - start, exactly, and 0 where the end comes first. */
  private duration(from: number, to: number): void {
    const { view } = this.request.wire
    const fromLow = from < 0 ? 0 : view.getUint32(from, true)
    const fromHigh = from < 0 ? 0 : view.getUint32(from + 4, true)
    const toLow = to < 0 ? 0 : view.getUint32(to, true)
    const toHigh = to < 0 ? 0 : view.getUint32(to + 4, true)
    const borrow = toLow < fromLow ? 1 : 0
    const high = toHigh - fromHigh - borrow
    if (high < 0) this.rows.int(columns.duration_time_unix_nano, 0)
    else this.rows.u64(columns.duration_time_unix_nano, (toLow - fromLow) >>> 0, high)
  }
}
