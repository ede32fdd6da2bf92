import { spanIdBytes, traceIdBytes } from './ids.ts'
import { writeFixed64, writeId } from './lists.ts'
import type { Request } from './request.ts'
import { ascii, CLOSE_OBJECT, writeByte, writeBytes, writeJsonDouble, writeSigned } from './text.ts'
import { fields } from './wire.ts'

/*
 * message Exemplar { fixed64 time_unix_nano = 2; oneof value { double as_double = 3; sfixed64 as_int = 6; } bytes span_id = 4;
 *                    bytes trace_id = 5; repeated KeyValue filtered_attributes = 7; }
 */
const TIME = 0x11
const AS_DOUBLE = 0x19
const SPAN_ID = 0x22
const TRACE_ID = 0x2a
const AS_INT = 0x31
const ATTRIBUTE = 0x3a
const known = fields(2, 3, 4, 5, 6, 7)

const ATTRIBUTES_KEY = ascii('{"filtered_attributes":')
const SPAN_ID_KEY = ascii(',"span_id":')
const TIME_KEY = ascii(',"time_unix_nano":')
const TRACE_ID_KEY = ascii(',"trace_id":')
const VALUE_KEY = ascii(',"value":')
const NULL = ascii('null')

export function writeExemplar(request: Request, start: number, end: number): void {
  const { wire, pool, attributes } = request
  const list = attributes.open()
  let time = -1
  let value = -1
  let isInt = false
  let spanId = 0
  let spanEnd = 0
  let traceId = 0
  let traceEnd = 0
  let at = start
  while (at < end) {
    wire.pos = at
    const tag = wire.tag(end)
    switch (tag) {
      case TIME:
        time = wire.fixed64(end)
        at = wire.pos
        break
      case AS_DOUBLE:
      case AS_INT:
        value = wire.fixed64(end)
        isInt = tag === AS_INT
        at = wire.pos
        break
      case SPAN_ID:
        at = spanEnd = wire.length(end)
        spanId = wire.pos
        break
      case TRACE_ID:
        at = traceEnd = wire.length(end)
        traceId = wire.pos
        break
      case ATTRIBUTE:
        at = wire.length(end)
        attributes.add(wire.pos, at)
        break
      default:
        wire.skip(tag, end, known)
        at = wire.pos
    }
  }
  writeBytes(pool, ATTRIBUTES_KEY)
  attributes.object(list, 0, 'attributes of an exemplar')
  writeBytes(pool, SPAN_ID_KEY)
  writeId(request, spanId, spanEnd, spanIdBytes, 'span_id of an exemplar')
  writeBytes(pool, TIME_KEY)
  writeFixed64(request, time)
  writeBytes(pool, TRACE_ID_KEY)
  writeId(request, traceId, traceEnd, traceIdBytes, 'trace_id of an exemplar')
  writeBytes(pool, VALUE_KEY)
  if (value < 0) writeBytes(pool, NULL)
  else if (isInt) writeSigned(pool, wire.view.getUint32(value, true), wire.view.getUint32(value + 4, true))
  else writeJsonDouble(pool, wire.view.getFloat64(value, true))
  writeByte(pool, CLOSE_OBJECT)
}
