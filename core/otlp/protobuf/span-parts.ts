import { spanIdBytes, traceIdBytes } from './ids.ts'
import { writeFixed64, writeId } from './lists.ts'
import type { Request } from './request.ts'
import { ascii, CLOSE_OBJECT, writeByte, writeBytes, writeString, writeUnsigned } from './text.ts'
import { fields } from './wire.ts'

const ATTRIBUTES = ascii('{"attributes":')
const DROPPED = ascii(',"dropped_attributes_count":')
const FLAGS = ascii(',"flags":')
const NAME = ascii(',"name":')
const SPAN_ID = ascii(',"span_id":')
const TIME = ascii(',"time_unix_nano":')
const TRACE_ID = ascii(',"trace_id":')
const TRACE_STATE = ascii(',"trace_state":')

/* message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; } */
const EVENT_TIME = 0x09
const EVENT_NAME = 0x12
const EVENT_ATTRIBUTE = 0x1a
const EVENT_DROPPED = 0x20
const eventFields = fields(1, 2, 3, 4)

export function writeEvent(request: Request, start: number, end: number): void {
  const { wire, pool, attributes } = request
  const list = attributes.open()
  let time = -1
  let name = 0
  let nameEnd = 0
  let dropped = 0
  let at = start
  while (at < end) {
    wire.pos = at
    const tag = wire.tag(end)
    switch (tag) {
      case EVENT_TIME:
        time = wire.fixed64(end)
        at = wire.pos
        break
      case EVENT_NAME:
        at = nameEnd = wire.length(end)
        name = wire.pos
        break
      case EVENT_ATTRIBUTE:
        at = wire.length(end)
        attributes.add(wire.pos, at)
        break
      case EVENT_DROPPED:
        dropped = wire.uint32(end)
        at = wire.pos
        break
      default:
        wire.skip(tag, end, eventFields)
        at = wire.pos
    }
  }
  writeBytes(pool, ATTRIBUTES)
  attributes.object(list, 0, 'attributes of an event')
  writeCount(request, DROPPED, dropped)
  writeBytes(pool, NAME)
  writeString(pool, wire.bytes, name, nameEnd, 'name of an event')
  writeBytes(pool, TIME)
  writeFixed64(request, time)
  writeByte(pool, CLOSE_OBJECT)
}

/*
 * message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
 *                uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
 */
const LINK_TRACE_ID = 0x0a
const LINK_SPAN_ID = 0x12
const LINK_TRACE_STATE = 0x1a
const LINK_ATTRIBUTE = 0x22
const LINK_DROPPED = 0x28
const LINK_FLAGS = 0x35
const linkFields = fields(1, 2, 3, 4, 5, 6)

export function writeLink(request: Request, start: number, end: number): void {
  const { wire, pool, attributes } = request
  const list = attributes.open()
  let traceId = 0
  let traceEnd = 0
  let spanId = 0
  let spanEnd = 0
  let state = 0
  let stateEnd = 0
  let dropped = 0
  let flags = 0
  let at = start
  while (at < end) {
    wire.pos = at
    const tag = wire.tag(end)
    switch (tag) {
      case LINK_TRACE_ID:
        at = traceEnd = wire.length(end)
        traceId = wire.pos
        break
      case LINK_SPAN_ID:
        at = spanEnd = wire.length(end)
        spanId = wire.pos
        break
      case LINK_TRACE_STATE:
        at = stateEnd = wire.length(end)
        state = wire.pos
        break
      case LINK_ATTRIBUTE:
        at = wire.length(end)
        attributes.add(wire.pos, at)
        break
      case LINK_DROPPED:
        dropped = wire.uint32(end)
        at = wire.pos
        break
      case LINK_FLAGS:
        flags = wire.fixed32(end)
        at = wire.pos
        break
      default:
        wire.skip(tag, end, linkFields)
        at = wire.pos
    }
  }
  writeBytes(pool, ATTRIBUTES)
  attributes.object(list, 0, 'attributes of a link')
  writeCount(request, DROPPED, dropped)
  writeCount(request, FLAGS, flags)
  writeBytes(pool, SPAN_ID)
  writeId(request, spanId, spanEnd, spanIdBytes, 'span_id of a link')
  writeBytes(pool, TRACE_ID)
  writeId(request, traceId, traceEnd, traceIdBytes, 'trace_id of a link')
  writeBytes(pool, TRACE_STATE)
  writeString(pool, wire.bytes, state, stateEnd, 'trace_state of a link')
  writeByte(pool, CLOSE_OBJECT)
}

/** Left out where it is 0. */
function writeCount(request: Request, key: Uint8Array, count: number): void {
  if (count === 0) return
  writeBytes(request.pool, key)
  writeUnsigned(request.pool, count, 0)
}
