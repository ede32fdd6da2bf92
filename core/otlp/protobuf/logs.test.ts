import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { id, int, logs, refused, rows, string } from './decode.suite.ts'
import { decodeOtlp } from './decode.ts'

const plain = { table: 'otlp_logs', service_name: 'unknown', dropped_attributes_count: 0, flags: 0 }

test('an empty log record is a row of an unknown service', () => {
  assert.deepEqual(rows('logs', logs([{}])), [plain])
})

test('every field of a log record has its column', () => {
  const record = {
    timeUnixNano: '1700000000000000001',
    observedTimeUnixNano: '1700000000000000002',
    severityNumber: 99,
    severityText: 'WARN',
    body: { stringValue: 'hello' },
    attributes: [string('k', 'v')],
    droppedAttributesCount: 7,
    flags: 0x8000_0001,
    traceId: id(16, 0xab),
    spanId: id(8, 0x0c),
    eventName: 'device.crash',
  }
  const around = {
    resource: {
      attributes: [string('service.name', 'a'), string('service.namespace', 'b'), string('service.instance.id', 'c')],
    },
    scope: { name: 'lib', version: '1', attributes: [int('n', 1)] },
    resourceUrl: 'https://r',
  }
  assert.deepEqual(rows('logs', logs([record], around)), [
    {
      table: 'otlp_logs',
      time_unix_nano: 1700000000000000001n,
      observed_time_unix_nano: 1700000000000000002n,
      trace_id: 'ab'.repeat(16),
      span_id: '0c'.repeat(8),
      service_name: 'a',
      service_namespace: 'b',
      service_instance_id: 'c',
      severity_number: 99,
      severity_text: 'WARN',
      event_name: 'device.crash',
      body: 'hello',
      resource_attributes: '{"service.instance.id":"c","service.name":"a","service.namespace":"b"}',
      scope_name: 'lib',
      scope_version: '1',
      scope_attributes: '{"n":1}',
      log_attributes: '{"k":"v"}',
      dropped_attributes_count: 7,
      flags: 0x8000_0001,
      schema_url: 'https://r',
    },
  ])
})

test('a body is its text, and JSON where it is a list or an object', () => {
  const bodies = [
    { stringValue: '{"a":1}' },
    { stringValue: '' },
    { boolValue: false },
    { intValue: '-9223372036854775808' },
    { doubleValue: 2 },
    { doubleValue: Number.NaN },
    { bytesValue: new Uint8Array([1, 2, 3, 4]) },
    { arrayValue: { values: [{ intValue: 1 }, {}] } },
    { kvlistValue: { values: [string('b', '1'), string('a', '2')] } },
    {},
  ]
  assert.deepEqual(
    rows('logs', logs(bodies.map(body => ({ body })))).map(row => row.body),
    [
      '{"a":1}',
      undefined,
      'false',
      '-9223372036854775808',
      '2.0',
      'NaN',
      'AQIDBA==',
      '[1,null]',
      '{"a":"2","b":"1"}',
      undefined,
    ],
  )
})

test('times, severity, ids and texts of nothing are NULL', () => {
  const record = {
    timeUnixNano: 0,
    severityNumber: 0,
    severityText: '',
    eventName: '',
    traceId: id(16, 0),
    spanId: id(0),
  }
  assert.deepEqual(rows('logs', logs([record])), [plain])
})

test('a time above 2^63 is kept exactly', () => {
  assert.equal(rows('logs', logs([{ timeUnixNano: '18446744073709551615' }]))[0]?.time_unix_nano, 2n ** 64n - 1n)
})

test('an id of the wrong width refuses its record alone', () => {
  const request = logs([{ traceId: id(15) }, { spanId: id(8) }, { spanId: id(16) }])
  assert.deepEqual(refused('logs', request), { 0: 'trace_id has 15 bytes, not 16', 2: 'span_id has 16 bytes, not 8' })
  assert.deepEqual(rows('logs', request), [{ ...plain, span_id: '01'.repeat(8) }])
})

test('schema_url is that of the scope, else that of the resource', () => {
  const url = (around: object) => rows('logs', logs([{}], around))[0]?.schema_url
  assert.equal(url({ resourceUrl: 'r', scopeUrl: 's' }), 's')
  assert.equal(url({ resourceUrl: 'r', scopeUrl: '' }), 'r')
  assert.equal(url({}), undefined)
})

test('texts that repeat stand once', () => {
  const record = (k: number) => ({
    severityText: ['INFO', 'WARN', 'ERROR'][k % 3],
    body: { stringValue: 'x' },
    traceId: id(16),
  })
  const { poolSpans } = decodeOtlp(
    'logs',
    encodeRequest('logs', logs(Array.from({ length: 100 }, (_, k) => record(k)))),
  )
  // unknown, INFO, WARN, ERROR, x, the id
  assert.equal(poolSpans.length / 2, 6)
})

test('a text that only a refused record had is not taken for one of the next', () => {
  const request = logs([
    { severityText: 'GONE', body: { stringValue: 'gone' }, traceId: id(3) },
    { severityText: 'HERE', body: { stringValue: 'here' } },
    { severityText: 'GONE', body: { stringValue: 'gone' } },
  ])
  assert.deepEqual(
    rows('logs', request).map(row => [row.severity_text, row.body]),
    [
      ['HERE', 'here'],
      ['GONE', 'gone'],
    ],
  )
})
