import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { decodeOtlp } from '../protobuf/decode.ts'
import { rowsOf } from '../rows.ts'
import { createOtapDecoder } from './decoder.ts'
import {
  type Columns,
  Dictionary,
  duration,
  fixed,
  i32,
  Producer,
  struct,
  timestamp,
  u8,
  u16,
  u32,
  utf8,
  words,
} from './otap.suite.ts'

const id = (length: number, byte: number) => new Uint8Array(length).fill(byte)
const string = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const decode = (payloads: object) => {
  const { body } = createOtapDecoder('traces').decode(new Producer().message(payloads))
  return rowsOf(decodeOtlp('traces', body))
}
const expected = (spans: object[]) => {
  return rowsOf(decodeOtlp('traces', encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] })))
}
const spans = (count: number): Columns => [
  u16(
    'id',
    Array.from({ length: count }, (_, k) => Math.min(k, 1)),
  ),
  timestamp(
    'start_time_unix_nano',
    Array.from({ length: count }, () => 10n),
  ),
  fixed(
    'trace_id',
    16,
    Array.from({ length: count }, () => id(16, 1)),
  ),
  fixed(
    'span_id',
    8,
    Array.from({ length: count }, () => id(8, 2)),
  ),
]
const span = { startTimeUnixNano: '10', endTimeUnixNano: '10', traceId: id(16, 1), spanId: id(8, 2) }

test('every column of a span has its field, and the end is the start plus the duration', () => {
  const columns = [
    timestamp('start_time_unix_nano', [0x1234_ffff_fffen, -2n, 5n]),
    new Dictionary(duration('', [1n]).data.type).column('duration_time_unix_nano', [3n, 4n, null]),
    fixed('trace_id', 16, [id(16, 1), id(16, 2), id(16, 3)]),
    fixed('span_id', 8, [id(8, 1), id(8, 2), id(8, 3)]),
    fixed('parent_span_id', 8, [id(8, 9), null, id(8, 8)]),
    utf8('trace_state', ['a=b', null, null]),
    words().column('name', ['first', '', 'third']),
    i32('kind', [2, null, 5]),
    u32('flags', [257, null, 1]),
    u32('dropped_attributes_count', [1, 0, null]),
    u32('dropped_events_count', [2, 0, null]),
    u32('dropped_links_count', [3, 0, null]),
    struct(
      'status',
      [i32('code', [2, 1, 1]), words().column('status_message', ['bad', null, 'x'])],
      [true, true, false],
    ),
  ]
  const start = 0x1234_ffff_fffen
  assert.deepEqual(
    decode({ SPANS: columns }),
    expected([
      {
        ...{ traceId: id(16, 1), spanId: id(8, 1), parentSpanId: id(8, 9), traceState: 'a=b', name: 'first', kind: 2 },
        ...{ startTimeUnixNano: String(start), endTimeUnixNano: String(start + 3n), flags: 257 },
        ...{ droppedAttributesCount: 1, droppedEventsCount: 2, droppedLinksCount: 3 },
        status: { code: 2, message: 'bad' },
      },
      {
        ...{ traceId: id(16, 2), spanId: id(8, 2), status: { code: 1 } },
        ...{ startTimeUnixNano: String((1n << 64n) - 2n), endTimeUnixNano: '2' },
      },
      {
        ...{ traceId: id(16, 3), spanId: id(8, 3), parentSpanId: id(8, 8), name: 'third', kind: 5, flags: 1 },
        ...{ startTimeUnixNano: '5', endTimeUnixNano: '5' },
      },
    ]),
  )
})

test('events and links belong to their spans, in their order, with their attributes', () => {
  const attributes = (parents: number[], values: string[]) => [
    u32('parent_id', parents),
    u8(
      'type',
      parents.map(() => 1),
    ),
    utf8(
      'key',
      parents.map(() => 'k'),
    ),
    utf8('str', values),
  ]
  const payloads = {
    SPANS: spans(2),
    SPAN_ATTRS: [u16('parent_id', [1]), u8('type', [1]), utf8('key', ['s']), utf8('str', ['t'])],
    SPAN_EVENTS: [
      u32('id', [0, null, 1]),
      // the second is the same by name: one further than the first; the third is another
      u16('parent_id', [0, 1, 0]),
      timestamp('time_unix_nano', [5n, 6n, null]),
      words().column('name', ['a', 'a', 'b']),
      u32('dropped_attributes_count', [0, 4, null]),
    ],
    SPAN_EVENT_ATTRS: attributes([0, 1], ['of a', 'of b']),
    SPAN_LINKS: [
      u32('id', [7, null]),
      u16('parent_id', [1, 0]),
      fixed('trace_id', 16, [id(16, 5), id(16, 6)]),
      fixed('span_id', 8, [id(8, 5), id(8, 6)]),
      utf8('trace_state', [null, 'x=y']),
      u32('dropped_attributes_count', [1, 0]),
      u32('flags', [0, 3]),
    ],
    SPAN_LINK_ATTRS: attributes([7], ['of link']),
  }
  assert.deepEqual(
    decode(payloads),
    expected([
      {
        ...span,
        events: [
          { timeUnixNano: '5', name: 'a', attributes: [string('k', 'of a')] },
          { name: 'b', attributes: [string('k', 'of b')] },
        ],
        links: [{ traceId: id(16, 6), spanId: id(8, 6), traceState: 'x=y', flags: 3 }],
      },
      {
        ...span,
        attributes: [string('s', 't')],
        events: [{ timeUnixNano: '6', name: 'a', droppedAttributesCount: 4 }],
        links: [
          { traceId: id(16, 5), spanId: id(8, 5), droppedAttributesCount: 1, attributes: [string('k', 'of link')] },
        ],
      },
    ]),
  )
})

test('an id of the wrong width refuses its span alone, as in OTLP', () => {
  const columns = [
    timestamp('start_time_unix_nano', [1n, 2n]),
    fixed('trace_id', 16, [id(16, 1), id(16, 2)]),
    fixed('span_id', 8, [id(8, 1), null]),
  ]
  const { body } = createOtapDecoder('traces').decode(new Producer().message({ SPANS: columns }))
  const { count, dead } = decodeOtlp('traces', body)
  assert.deepEqual([count, dead.map(({ at }) => at)], [2, [1]])
})
