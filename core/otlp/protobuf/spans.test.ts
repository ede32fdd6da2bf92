import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { aSpan, id, refused, rows, spans, string } from './decode.suite.ts'
import { decodeOtlp } from './decode.ts'

const row = (span: object) => rows('traces', spans([{ ...aSpan, ...span }]))[0]!

test('every field of a span has its column', () => {
  const span = {
    traceId: id(16, 0xa1),
    spanId: id(8, 0xb2),
    parentSpanId: id(8, 0xc3),
    traceState: 'vendor=x',
    name: 'GET /',
    kind: 2,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000000000123',
    attributes: [string('k', 'v')],
    droppedAttributesCount: 1,
    events: [
      {
        timeUnixNano: '18446744073709551615',
        name: 'e"1',
        attributes: [string('b', '1'), string('a', '2')],
        droppedAttributesCount: 4,
      },
      {},
    ],
    droppedEventsCount: 2,
    links: [
      {
        traceId: id(16, 0xd4),
        spanId: id(8, 0xe5),
        traceState: 's',
        attributes: [string('l', 'm')],
        droppedAttributesCount: 5,
        flags: 6,
      },
      { traceId: id(16, 0) },
    ],
    droppedLinksCount: 3,
    status: { code: 2, message: 'failed' },
    flags: 257,
  }
  assert.deepEqual(row(span), {
    table: 'otlp_traces',
    start_time_unix_nano: 1700000000000000000n,
    duration_time_unix_nano: 123,
    trace_id: 'a1'.repeat(16),
    span_id: 'b2'.repeat(8),
    parent_span_id: 'c3'.repeat(8),
    trace_state: 'vendor=x',
    service_name: 'unknown',
    name: 'GET /',
    kind: 2,
    status_code: 2,
    status_status_message: 'failed',
    span_attributes: '{"k":"v"}',
    events_json:
      '[{"attributes":{"a":"2","b":"1"},"dropped_attributes_count":4,"name":"e\\"1","time_unix_nano":18446744073709551615},' +
      '{"attributes":{},"name":"","time_unix_nano":0}]',
    links_json:
      `[{"attributes":{"l":"m"},"dropped_attributes_count":5,"flags":6,"span_id":"${'e5'.repeat(8)}","trace_id":"${'d4'.repeat(16)}","trace_state":"s"},` +
      '{"attributes":{},"span_id":null,"trace_id":null,"trace_state":""}]',
    dropped_attributes_count: 1,
    dropped_events_count: 2,
    dropped_links_count: 3,
    flags: 257,
  })
})

test('a span without anything but its ids keeps zeros and an empty name', () => {
  assert.deepEqual(row({}), {
    table: 'otlp_traces',
    start_time_unix_nano: 0,
    duration_time_unix_nano: 0,
    trace_id: '01'.repeat(16),
    span_id: '01'.repeat(8),
    service_name: 'unknown',
    name: '',
    kind: 0,
    status_code: 0,
    dropped_attributes_count: 0,
    dropped_events_count: 0,
    dropped_links_count: 0,
    flags: 0,
  })
})

test('a duration is exact over the whole range, and 0 where the end comes first', () => {
  const duration = (startTimeUnixNano: string, endTimeUnixNano: string) =>
    row({ startTimeUnixNano, endTimeUnixNano }).duration_time_unix_nano
  assert.equal(duration('1', '18446744073709551615'), 2n ** 64n - 2n)
  assert.equal(duration('4294967295', '4294967296'), 1)
  assert.equal(duration('4294967296', '4294967295'), 0)
  assert.equal(duration('18446744073709551615', '0'), 0)
  assert.equal(duration('0', '9007199254740993'), 2n ** 53n + 1n)
})

test('a span needs its ids, and its neighbours do not mind', () => {
  const link = { traceId: id(3) }
  const list = [
    {},
    aSpan,
    { ...aSpan, spanId: id(8, 0) },
    { ...aSpan, traceId: id(8) },
    { ...aSpan, parentSpanId: id(1) },
    { ...aSpan, links: [link] },
    { ...aSpan, parentSpanId: id(8, 0) },
  ]
  assert.deepEqual(refused('traces', spans(list)), {
    0: 'trace_id is empty or all zeros',
    2: 'span_id is empty or all zeros',
    3: 'trace_id has 8 bytes, not 16',
    4: 'parent_span_id has 1 bytes, not 8',
    5: 'trace_id of a link has 3 bytes, not 16',
  })
  assert.equal(rows('traces', spans(list)).length, 2)
})

test('texts of one trace stand once', () => {
  const list = Array.from({ length: 10 }, (_, k) => ({
    ...aSpan,
    spanId: id(8, k + 1),
    parentSpanId: id(8, 99),
    name: 'n',
  }))
  const { poolSpans } = decodeOtlp('traces', encodeRequest('traces', spans(list)))
  // unknown, the trace, the parent, the name, and ten spans
  assert.equal(poolSpans.length / 2, 14)
})
