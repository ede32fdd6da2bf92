import {
  binary,
  type Compression,
  fixed,
  Producer,
  timestamp,
  u8,
  u16,
  utf8,
  words,
} from '../../../../core/otlp/otap/otap.suite.ts'
import { labelOf, markOf, planOf, timeOf } from './plan.ts'
import { padOf } from './requests.ts'

const textType = 1

/** Makes the OTAP messages of one gRPC stream: schemas come with the first, the dictionaries grow with the later ones. */
export function createMessages(lane: string, compression: Compression): (request: number) => Uint8Array {
  const producer = new Producer(compression)
  const keys = words()
  const labels = words()
  return request => {
    const { signal, records, bad } = planOf(lane, request)
    const list = <T>(make: (index: number) => T) => Array.from({ length: records }, (_, index) => make(index))
    const pairs = <T>(make: (index: number) => [T, T]) => list(make).flat()
    const time = (name: string) =>
      timestamp(
        name,
        list(index => timeOf(request, index)),
      )
    const label = (name: string) =>
      labels.column(
        name,
        list(() => labelOf(request)),
      )
    const id = (width: number, index: number) => new Uint8Array(width).fill(1 + (index % 255))
    const ids = u16(
      'id',
      list(index => index),
      'plain',
    )
    const traceIds = binary(
      'trace_id',
      // of the wrong width where the record is to be refused
      list(index => id(index === bad ? 5 : 16, index)),
    )
    const attributes = [
      u16(
        'parent_id',
        pairs(index => [index, index]),
        'plain',
      ),
      u8(
        'type',
        pairs(() => [textType, textType]),
      ),
      keys.column(
        'key',
        pairs(() => ['mark', 'pad']),
      ),
      utf8(
        'str',
        pairs(index => [markOf(lane, request, index, records), padOf(request, index)]),
      ),
    ]
    if (signal === 'logs')
      return producer.message({
        LOGS: [ids, time('time_unix_nano'), traceIds, label('severity_text')],
        LOG_ATTRS: attributes,
      })
    const spanIds = fixed(
      'span_id',
      8,
      list(index => id(8, index)),
    )
    return producer.message({
      SPANS: [ids, time('start_time_unix_nano'), traceIds, spanIds, label('name')],
      SPAN_ATTRS: attributes,
    })
  }
}
