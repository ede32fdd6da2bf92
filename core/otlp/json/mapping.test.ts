import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  convert,
  logRow,
  logs,
  metrics,
  pointRow,
  refusal,
  span,
  spanId,
  spanRow,
  spans,
  traceId,
} from './json.suite.ts'

describe('what JSON values mean', () => {
  test('field names are taken in lowerCamelCase and in snake_case', () => {
    const row = logRow({ time_unix_nano: '5', severity_text: 'INFO', body: { string_value: 'b' }, trace_id: traceId })
    assert.equal(row.time_unix_nano, 5)
    assert.equal(row.severity_text, 'INFO')
    assert.equal(row.body, 'b')
    assert.equal(row.trace_id, traceId)
    const { rows } = convert('logs', { resource_logs: [{ scope_logs: [{ log_records: [{ flags: 1 }] }] }] })
    assert.equal(rows[0]!.row.flags, 1)
  })

  test('64-bit integers are exact as strings and as numbers', () => {
    assert.equal(logRow('{"timeUnixNano":"18446744073709551615"}').time_unix_nano, 2n ** 64n - 1n)
    assert.equal(logRow('{"timeUnixNano":18446744073709551615}').time_unix_nano, 2n ** 64n - 1n)
    assert.equal(logRow('{"timeUnixNano":1544712660300000001}').time_unix_nano, 1544712660300000001n)
    assert.equal(pointRow('{"asInt":-9223372036854775808}').int_value, -(2n ** 63n))
    assert.equal(pointRow('{"asInt":"9223372036854775807"}').int_value, 2n ** 63n - 1n)
    const row = logRow('{"attributes":[{"key":"a","value":{"intValue":-9007199254740993}}]}')
    assert.equal(row.log_attributes, '{"a":-9007199254740993}')
  })

  test('whole numbers may be written with a fraction or an exponent', () => {
    for (const text of ['1e3', '"1e3"', '1000.0', '1.000e+3', '10000e-1', '"1000"'])
      assert.equal(logRow(`{"timeUnixNano":${text}}`).time_unix_nano, 1000, text)
    assert.equal(logRow('{"timeUnixNano":1.8446744073709551615e19}').time_unix_nano, 2n ** 64n - 1n)
    assert.equal(logRow('{"timeUnixNano":-0}').time_unix_nano, null)
  })

  test('doubles may be numbers, strings, and the three words', () => {
    const value = (text: string) => pointRow(`{"asDouble":${text}}`).double_value
    assert.equal(value('0.1'), 0.1)
    assert.equal(value('"0.1"'), 0.1)
    assert.equal(value('"1e-3"'), 0.001)
    assert.equal(value('0.30000000000000004'), 0.1 + 0.2)
    assert.equal(value('123456789012345678'), 123456789012345680)
    assert.equal(value('"NaN"'), 'NaN')
    assert.equal(value('"Infinity"'), Number.POSITIVE_INFINITY)
    assert.equal(value('"-Infinity"'), Number.NEGATIVE_INFINITY)
    assert.ok(Object.is(value('-0.0'), -0))
  })

  test('enums may be names or numbers, unknown numbers too', () => {
    assert.equal(logRow({ severityNumber: 'SEVERITY_NUMBER_WARN2' }).severity_number, 14)
    assert.equal(logRow({ severityNumber: 99 }).severity_number, 99)
    assert.equal(spanRow({ kind: 'SPAN_KIND_CONSUMER' }).kind, 5)
    assert.equal(spanRow({ kind: '3' }).kind, 3)
    assert.equal(spanRow({ status: { code: 'STATUS_CODE_ERROR', message: 'm' } }).status_code, 2)
    const sum = (aggregationTemporality: unknown) =>
      convert('metrics', metrics({ name: 'm', sum: { dataPoints: [{}], aggregationTemporality } })).rows[0]!.row
    assert.equal(sum('AGGREGATION_TEMPORALITY_CUMULATIVE').aggregation_temporality, 2)
    assert.equal(sum(-1).aggregation_temporality, -1)
  })

  test('ids are hex of any case, or base64 where they have the width only so', () => {
    const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')
    for (const id of [traceId, traceId.toUpperCase(), base64(traceId), base64(traceId).replace(/=+$/, '')])
      assert.equal(logRow({ traceId: id }).trace_id, traceId)
    assert.equal(logRow({ spanId: base64(spanId) }).span_id, spanId)
  })

  test('ids may be empty or all zeros, but for those of a span itself', () => {
    assert.equal(logRow({ traceId: '', spanId: '0000000000000000' }).trace_id, null)
    assert.equal(spanRow({ parentSpanId: '0000000000000000' }).parent_span_id, null)
    assert.match(refusal('traces', spans({ ...span, spanId: '' })), /^spanId is empty/)
    assert.match(refusal('traces', spans({ ...span, traceId: '0'.repeat(32) })), /^traceId is all zeros/)
    assert.match(refusal('traces', spans({ traceId })), /^spanId is missing/)
    assert.match(refusal('traces', spans({ name: 's' })), /^traceId, spanId is missing/)
  })

  test('bytes are base64 of either alphabet, padded or not', () => {
    const body = (bytesValue: string) => logRow({ body: { bytesValue } }).body
    assert.equal(body('+/+/AA=='), '+/+/AA==')
    assert.equal(body('-_-_AA'), '+/+/AA==')
    assert.equal(body('-_-_AAA='), '+/+/AAA=')
    assert.equal(body('-_-_'), '+/+/')
  })

  test('null is the same as no field', () => {
    const row = logRow({
      timeUnixNano: null,
      severityNumber: null,
      body: { stringValue: null, doubleValue: null, intValue: 7 },
      attributes: [
        { key: 'a', value: null },
        { key: 'b', value: { stringValue: null } },
      ],
      traceId: null,
    })
    assert.equal(row.body, '7')
    assert.equal(row.log_attributes, '{"b":null}')
    assert.equal(convert('logs', { resourceLogs: null }).count, 0)
    assert.equal(convert('logs', { resourceLogs: [{ resource: null, scopeLogs: null }] }).count, 0)
    assert.match(refusal('traces', spans({ ...span, traceId: null })), /traceId is missing/)
  })

  test('null in an array of values is a value without one', () => {
    const row = logRow({ body: { arrayValue: { values: [null, { intValue: 1 }, {}] } } })
    assert.equal(row.body, '[null,1,null]')
  })

  test('unknown fields are ignored, whatever they hold', () => {
    const row = logRow('{"zzz":[{"a":[1,{"b":"}\\""}]},"]"],"flags":3,"constructor":{},"__proto__":[],"":null}')
    assert.equal(row.flags, 3)
  })

  test('strings are taken with all their escapes', () => {
    const text = '\u0000"\\/\b\f\n\r\té日😀\u2028'
    const escaped = Array.from(text.split(''), unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(
      '',
    )
    assert.equal(logRow(`{"body":{"stringValue":"${escaped}"}}`).body, text)
    assert.equal(logRow(`{"body":{"stringValue":${JSON.stringify(text)}}}`).body, text)
    assert.equal(logRow(`{"b\\u006fdy":{"stringValue":"x"}}`).body, 'x')
    assert.equal(logRow(`{"body":{"stringValue":"a\\/b"}}`).body, 'a/b')
    assert.equal(logRow(`{"timeUnixNano":"\\u0031\\u0032"}`).time_unix_nano, 12)
  })

  test('long texts are taken whole', () => {
    for (const length of [23, 24, 127, 128, 16383, 16384, 100_000]) {
      const text = 'é'.repeat(length)
      assert.equal(logRow({ body: { stringValue: text } }).body, text)
      assert.equal(logRow({ body: { stringValue: `${text}\n` } }).body, `${text}\n`)
    }
  })
})

describe('keys that come twice', () => {
  test('the last value counts', () => {
    assert.equal(logRow('{"severityText":"a","severityText":"b"}').severity_text, 'b')
    assert.equal(logRow('{"severityText":"a","severity_text":"b"}').severity_text, 'b')
    assert.equal(logRow('{"severityText":"a","severityText":null}').severity_text, null)
    assert.equal(logRow('{"body":{"stringValue":"a"},"flags":1,"body":{"intValue":5}}').body, '5')
    assert.equal(logRow('{"body":{"stringValue":"a","stringValue":"b"}}').body, 'b')
    const twice =
      '{"attributes":[{"key":"a","value":{"intValue":1}}],"flags":1,"attributes":[{"key":"b","value":{"intValue":2}}]}'
    assert.equal(logRow(twice).log_attributes, '{"b":2}')
    const histogram = '{"bucketCounts":[1,2],"explicitBounds":[1],"count":3,"bucketCounts":[3,4]}'
    const { rows } = convert('metrics', metrics(`{"name":"h","histogram":{"dataPoints":[${histogram}]}}`))
    assert.equal(rows[0]!.row.bucket_counts, '[3,4]')
    assert.equal(rows[0]!.row.explicit_bounds, '[1.0]')
    assert.equal(rows[0]!.row.count, 3)
  })

  test('of resources, scopes and names that come twice the last counts', () => {
    const resource = (key: string) => `"resource":{"attributes":[{"key":"${key}","value":{"stringValue":"x"}}]}`
    const scopes =
      '"scopeLogs":[{"scope":{"name":"a"},"logRecords":[{}],"scope":null,"schemaUrl":"u","schemaUrl":null}]'
    for (const json of [
      `{"resourceLogs":[{${resource('a')},${scopes},${resource('b')}}]}`,
      `{"resourceLogs":[{${resource('a')},${resource('b')},${scopes}}]}`,
    ]) {
      const { row } = convert('logs', json).rows[0]!
      assert.equal(row.resource_attributes, '{"b":"x"}')
      assert.equal(row.scope_name, null)
      assert.equal(row.schema_url, null)
    }
    const metric = '{"name":"a","gauge":{"dataPoints":[{}]},"name":"b"}'
    assert.equal(convert('metrics', metrics(metric)).rows[0]!.row.name, 'b')
    const many = `{"logRecords":[{}],${Array(100).fill('"scope":{}').join()}}`
    assert.match(refusal('logs', `{"resourceLogs":[{"scopeLogs":[${many}]}]}`), /more than 64 keys come twice/)
  })

  test('lists of records are joined, so that none is lost', () => {
    const json = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"flags":1}],"logRecords":[{"flags":2}]}]}]}'
    assert.deepEqual(
      convert('logs', json).rows.map(({ row }) => row.flags),
      [1, 2],
    )
  })

  test('a record of nothing but repeated keys is refused before it costs time', () => {
    const many = `{${Array.from({ length: 100 }, () => '"flags":1').join()}}`
    assert.match(refusal('logs', logs(many)), /more than 64 keys come twice/)
  })
})

describe('what a request is', () => {
  test('empty objects, arrays and bodies have no records', () => {
    for (const json of ['', '{}', '[]', ' { } ', '{"resourceLogs":[]}', '[{},{}]'])
      assert.equal(convert('logs', json).count, 0, json)
  })

  test('a byte order mark may stand before it', () => {
    assert.equal(convert('logs', `\ufeff${logs({ flags: 1 })}`).count, 1)
  })

  test('an array of requests is all of them', () => {
    const { rows } = convert('logs', `[${logs({ flags: 1 })}, ${logs({ flags: 2 }, { flags: 3 })}]`)
    assert.deepEqual(
      rows.map(({ at, row }) => [at, row.flags]),
      [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    )
  })

  test('resource and scope may stand behind their records', () => {
    const { rows } = convert('logs', {
      resourceLogs: [
        {
          scopeLogs: [{ logRecords: [{}], schemaUrl: 'u', scope: { name: 'n', version: 'v' } }],
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'late' } }] },
        },
      ],
    })
    assert.equal(rows[0]!.row.service_name, 'late')
    assert.equal(rows[0]!.row.scope_name, 'n')
    assert.equal(rows[0]!.row.schema_url, 'u')
  })

  test('all kinds of metrics are taken', () => {
    const point = { timeUnixNano: 1, startTimeUnixNano: '2', attributes: [], flags: 1 }
    const { rows, dead } = convert(
      'metrics',
      metrics(
        { name: 'a', unit: 'u', description: 'd', gauge: { dataPoints: [{ ...point, asDouble: 1.5 }] } },
        { name: 'b', sum: { dataPoints: [{ ...point, asInt: '-5' }], aggregationTemporality: 1, isMonotonic: true } },
        {
          name: 'c',
          histogram: {
            dataPoints: [
              { ...point, count: '18446744073709551615', sum: 2, bucketCounts: ['1', 2], explicitBounds: [0.5] },
            ],
          },
        },
        {
          name: 'd',
          exponentialHistogram: {
            dataPoints: [
              {
                ...point,
                scale: -3,
                zeroCount: 4,
                zeroThreshold: 0.25,
                positive: { offset: -7, bucketCounts: ['18446744073709551615', 0] },
                negative: {},
              },
            ],
          },
        },
        {
          name: 'e',
          summary: { dataPoints: [{ ...point, count: 1, sum: 2, quantileValues: [{ quantile: 0.5, value: 3 }] }] },
        },
      ),
    )
    assert.deepEqual(dead, [])
    const [a, b, c, d, e] = rows.map(({ row }) => row)
    assert.deepEqual([a!.double_value, a!.unit, a!.description, a!.start_time_unix_nano], [1.5, 'u', 'd', 2])
    assert.deepEqual([b!.int_value, b!.aggregation_temporality, b!.is_monotonic], [-5, 1, 1])
    assert.deepEqual([c!.count, c!.bucket_counts, c!.explicit_bounds], [2n ** 64n - 1n, '[1,2]', '[0.5]'])
    assert.deepEqual([d!.scale, d!.zero_threshold, d!.positive_offset], [-3, 0.25, -7])
    assert.deepEqual([d!.positive_bucket_counts, d!.negative_bucket_counts], ['[18446744073709551615,0]', '[]'])
    assert.equal(e!.quantile_values, '[{"quantile":0.5,"value":3.0}]')
  })

  test('exemplars, events and links are taken', () => {
    const exemplar = { timeUnixNano: '3', asInt: 4, spanId, traceId, filteredAttributes: [] }
    assert.equal(
      pointRow({ exemplars: [exemplar] }).exemplars_json,
      `[{"filtered_attributes":{},"span_id":"${spanId}","time_unix_nano":3,"trace_id":"${traceId}","value":4}]`,
    )
    const row = spanRow({
      events: [{ name: 'e', timeUnixNano: 1, droppedAttributesCount: 2 }],
      links: [{ traceId, spanId, traceState: 't', flags: 256 }],
      flags: 4294967295,
      traceState: 'x=y',
    })
    assert.equal(row.events_json, '[{"attributes":{},"dropped_attributes_count":2,"name":"e","time_unix_nano":1}]')
    assert.match(String(row.links_json), /"flags":256/)
    assert.equal(row.flags, 4294967295)
  })
})
