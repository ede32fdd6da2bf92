import type { Writer } from '../wire/writer.ts'
import { type Column, high, low, number, slot } from './arrow/column.ts'
import { readAttributes, write64, writeNumber, writeText } from './attributes.ts'
import { writeGroups } from './groups.ts'
import { childrenOf, idsOf } from './ids.ts'
import { scopeGroup, span, spanEvent, spanLink, status } from './otlp.ts'
import type { PayloadName } from './payloads.ts'
import type { Table } from './table.ts'

type WriteOfParent = (writer: Writer, parent: number) => void

/** Writes an ExportTraceServiceRequest. */
export function writeTraces(writer: Writer, tableOf: (name: PayloadName) => Table | null, root: Table): void {
  const startTime = root.required('start_time_unix_nano', 'timestamp')
  const duration = root.column('duration_time_unix_nano', 'duration')
  const traceId = root.column('trace_id', 'fixed', 'binary')
  const spanId = root.column('span_id', 'fixed', 'binary')
  const parentSpanId = root.column('parent_span_id', 'fixed', 'binary')
  const traceState = root.column('trace_state', 'utf8')
  const name = root.column('name', 'utf8')
  const kind = root.column('kind', 'int32')
  const flags = root.column('flags', 'uint32')
  const droppedAttributes = root.column('dropped_attributes_count', 'uint32')
  const droppedEvents = root.column('dropped_events_count', 'uint32')
  const droppedLinks = root.column('dropped_links_count', 'uint32')
  const hasStatus = root.column('status', 'struct')
  const statusCode = root.column('status.code', 'int32')
  const statusMessage = root.column('status.status_message', 'utf8')
  const ids = idsOf(root, 'id')
  const attributes = readAttributes(tableOf('SPAN_ATTRS'))
  const events = readEvents(tableOf('SPAN_EVENTS'), tableOf('SPAN_EVENT_ATTRS'))
  const links = readLinks(tableOf('SPAN_LINKS'), tableOf('SPAN_LINK_ATTRS'))

  writeGroups(writer, root, tableOf('RESOURCE_ATTRS'), tableOf('SCOPE_ATTRS'), row => {
    const record = writer.open(scopeGroup.records, 2)
    writeText(writer, span.traceId, traceId, row)
    writeText(writer, span.spanId, spanId, row)
    writeText(writer, span.traceState, traceState, row)
    writeText(writer, span.parentSpanId, parentSpanId, row)
    writeText(writer, span.name, name, row)
    writeNumber(writer, span.kind, kind, row)
    write64(writer, span.startTimeUnixNano, startTime, row)
    writeSum(writer, span.endTimeUnixNano, startTime, duration, row)
    if (ids !== null) attributes(writer, span.attributes, ids[row]!)
    writeNumber(writer, span.droppedAttributesCount, droppedAttributes, row)
    if (ids !== null) events(writer, ids[row]!)
    writeNumber(writer, span.droppedEventsCount, droppedEvents, row)
    if (ids !== null) links(writer, ids[row]!)
    writeNumber(writer, span.droppedLinksCount, droppedLinks, row)
    if (slot(hasStatus, row) >= 0) {
      const mark = writer.open(span.status, 1)
      writeText(writer, status.message, statusMessage, row)
      writeNumber(writer, status.code, statusCode, row)
      writer.close(mark)
    }
    if (number(flags, row) !== 0) writer.fixed32(span.flags, number(flags, row))
    writer.close(record)
  })
}

/** The sum of two numbers of 64 bits, which wraps. */
function writeSum(writer: Writer, field: number, a: Column | null, b: Column | null, row: number): void {
  const left = slot(a, row)
  const right = slot(b, row)
  const sum = (left < 0 ? 0 : low(a!, left)) + (right < 0 ? 0 : low(b!, right))
  const carry = sum > 0xffffffff ? 1 : 0
  writer.fixed64(field, sum >>> 0, ((left < 0 ? 0 : high(a!, left)) + (right < 0 ? 0 : high(b!, right)) + carry) >>> 0)
}

function readEvents(table: Table | null, attributeTable: Table | null): WriteOfParent {
  if (table === null) return () => {}
  const time = table.column('time_unix_nano', 'timestamp')
  const name = table.column('name', 'utf8')
  const dropped = table.column('dropped_attributes_count', 'uint32')
  const ids = idsOf(table, 'id')
  const attributes = readAttributes(attributeTable)
  const children = childrenOf(table, [name])
  return (writer, parent) => {
    for (let row = children.first(parent); row >= 0; row = children.next[row]!) {
      const event = writer.open(span.events, 1)
      write64(writer, spanEvent.timeUnixNano, time, row)
      writeText(writer, spanEvent.name, name, row)
      if (ids !== null) attributes(writer, spanEvent.attributes, ids[row]!)
      writeNumber(writer, spanEvent.droppedAttributesCount, dropped, row)
      writer.close(event)
    }
  }
}

function readLinks(table: Table | null, attributeTable: Table | null): WriteOfParent {
  if (table === null) return () => {}
  const traceId = table.column('trace_id', 'fixed', 'binary')
  const spanId = table.column('span_id', 'fixed', 'binary')
  const traceState = table.column('trace_state', 'utf8')
  const dropped = table.column('dropped_attributes_count', 'uint32')
  const flags = table.column('flags', 'uint32')
  const ids = idsOf(table, 'id')
  const attributes = readAttributes(attributeTable)
  const children = childrenOf(table, [traceId])
  return (writer, parent) => {
    for (let row = children.first(parent); row >= 0; row = children.next[row]!) {
      const link = writer.open(span.links, 1)
      writeText(writer, spanLink.traceId, traceId, row)
      writeText(writer, spanLink.spanId, spanId, row)
      writeText(writer, spanLink.traceState, traceState, row)
      if (ids !== null) attributes(writer, spanLink.attributes, ids[row]!)
      writeNumber(writer, spanLink.droppedAttributesCount, dropped, row)
      if (number(flags, row) !== 0) writer.fixed32(spanLink.flags, number(flags, row))
      writer.close(link)
    }
  }
}
