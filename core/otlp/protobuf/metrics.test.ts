import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowsOf } from '../rows.ts'
import { field, hex, id, metrics, refused, rows, string } from './decode.suite.ts'
import { decodeOtlp } from './decode.ts'

const point = {
  startTimeUnixNano: '1700000000000000000',
  timeUnixNano: '1700000000000000001',
  attributes: [string('k', 'v')],
  flags: 1,
}
const common = {
  start_time_unix_nano: 1700000000000000000n,
  time_unix_nano: 1700000000000000001n,
  service_name: 'unknown',
  metric_attributes: '{"k":"v"}',
  flags: 1,
}
const only = (metric: object) => rows('metrics', metrics([metric]))

test('a gauge has a row for each point, with the value as it was sent', () => {
  const dataPoints = [
    { ...point, asInt: '-9223372036854775808' },
    { ...point, asDouble: 0.5 },
    { ...point, asDouble: Number.NaN },
    { ...point, asDouble: Number.NEGATIVE_INFINITY },
    point,
  ]
  const head = { table: 'otlp_metrics_gauge', ...common, name: 'g', description: 'd', unit: 'By' }
  assert.deepEqual(only({ name: 'g', description: 'd', unit: 'By', gauge: { dataPoints } }), [
    { ...head, int_value: -(2n ** 63n) },
    { ...head, double_value: 0.5 },
    { ...head, double_value: 'NaN' },
    { ...head, double_value: Number.NEGATIVE_INFINITY },
    head,
  ])
})

test('a sum has its temporality and whether it is monotonic, wherever they stand', () => {
  const sum = (data: object) => {
    const { aggregation_temporality, is_monotonic, int_value } = only({
      name: 's',
      sum: { dataPoints: [{ asInt: 7 }], ...data },
    })[0]!
    return [aggregation_temporality, is_monotonic, int_value]
  }
  assert.deepEqual(sum({ aggregationTemporality: 2, isMonotonic: true }), [2, 1, 7])
  assert.deepEqual(sum({}), [0, 0, 7])
})

test('a histogram keeps its buckets, and NULL what is not sent', () => {
  const full = {
    ...point,
    count: '18446744073709551615',
    sum: 0,
    min: -1,
    max: 2.5,
    bucketCounts: ['18446744073709551615', 0],
    explicitBounds: [1, 0.5],
  }
  const head = { table: 'otlp_metrics_histogram', name: 'h', aggregation_temporality: 1 }
  assert.deepEqual(only({ name: 'h', histogram: { aggregationTemporality: 1, dataPoints: [full, {}] } }), [
    {
      ...head,
      ...common,
      count: 2n ** 64n - 1n,
      sum: 0,
      min: -1,
      max: 2.5,
      bucket_counts: '[18446744073709551615,0]',
      explicit_bounds: '[1.0,0.5]',
    },
    {
      ...head,
      time_unix_nano: 0,
      count: 0,
      bucket_counts: '[]',
      explicit_bounds: '[]',
      service_name: 'unknown',
      flags: 0,
    },
  ])
})

test('an exponential histogram keeps both sides, and NULL for one that is not sent', () => {
  const full = {
    ...point,
    count: 4,
    sum: 8,
    scale: -2,
    zeroCount: 1,
    zeroThreshold: 0.01,
    positive: { offset: -1, bucketCounts: ['18446744073709551615', 3] },
    negative: {},
    min: -2,
    max: 4,
  }
  const head = { table: 'otlp_metrics_exp_histogram', name: 'e', aggregation_temporality: 2 }
  assert.deepEqual(only({ name: 'e', exponentialHistogram: { aggregationTemporality: 2, dataPoints: [full, {}] } }), [
    {
      ...head,
      ...common,
      count: 4,
      sum: 8,
      min: -2,
      max: 4,
      scale: -2,
      zero_count: 1,
      zero_threshold: 0.01,
      positive_offset: -1,
      positive_bucket_counts: '[18446744073709551615,3]',
      negative_offset: 0,
      negative_bucket_counts: '[]',
    },
    {
      ...head,
      time_unix_nano: 0,
      count: 0,
      scale: 0,
      zero_count: 0,
      zero_threshold: 0,
      service_name: 'unknown',
      flags: 0,
    },
  ])
})

test('a summary is stored with its quantiles', () => {
  const full = {
    ...point,
    count: 2,
    sum: 3,
    quantileValues: [
      { quantile: 0.5, value: 1 },
      { quantile: 1, value: Number.NaN },
    ],
  }
  assert.deepEqual(only({ name: 's', summary: { dataPoints: [full, {}] } }), [
    {
      table: 'otlp_metrics_summary',
      ...common,
      name: 's',
      count: 2,
      sum: 3,
      quantile_values: '[{"quantile":0.5,"value":1.0},{"quantile":1.0,"value":"NaN"}]',
    },
    {
      table: 'otlp_metrics_summary',
      name: 's',
      time_unix_nano: 0,
      count: 0,
      sum: 0,
      quantile_values: '[]',
      service_name: 'unknown',
      flags: 0,
    },
  ])
})

test('exemplars are kept with their value as it was sent', () => {
  const exemplars = [
    {
      timeUnixNano: 5,
      asInt: '-9223372036854775808',
      traceId: id(16),
      spanId: id(8),
      filteredAttributes: [string('a', 'b')],
    },
    { asDouble: 9, traceId: id(16, 0) },
    {},
  ]
  assert.equal(
    only({ name: 'g', gauge: { dataPoints: [{ exemplars }] } })[0]?.exemplars_json,
    `[{"filtered_attributes":{"a":"b"},"span_id":"${'01'.repeat(8)}","time_unix_nano":5,"trace_id":"${'01'.repeat(16)}","value":-9223372036854775808},` +
      '{"filtered_attributes":{},"span_id":null,"time_unix_nano":0,"trace_id":null,"value":9.0},' +
      '{"filtered_attributes":{},"span_id":null,"time_unix_nano":0,"trace_id":null,"value":null}]',
  )
})

test('positions count data points over all metrics, and a metric without points has none', () => {
  const list = [
    { name: 'a', gauge: { dataPoints: [{}, { exemplars: [{ spanId: id(7) }] }] } },
    { name: 'none' },
    { name: 'empty', sum: { dataPoints: [] } },
    { name: 'b', summary: { dataPoints: [{}] } },
    { name: 'c', gauge: { dataPoints: [{}] } },
  ]
  assert.deepEqual(
    rows('metrics', metrics(list)).map(row => row.name),
    ['a', 'b', 'c'],
  )
  assert.deepEqual(refused('metrics', metrics(list)), { 1: 'metric "a": span_id of an exemplar has 7 bytes, not 8' })
})

test('a metric does not inherit what the one before had', () => {
  const list = [
    { name: 'a', description: 'd', unit: 'u', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{}] } },
    { name: '', sum: { dataPoints: [{}] } },
  ]
  const [, second] = rows('metrics', metrics(list))
  assert.deepEqual(second, {
    table: 'otlp_metrics_sum',
    time_unix_nano: 0,
    name: '',
    service_name: 'unknown',
    flags: 0,
    aggregation_temporality: 0,
    is_monotonic: 0,
  })
})

test('what is broken in a metric refuses its points, not those of the next', () => {
  const gauge = field(5, field(1), field(1))
  const bad = field(2, field(1, hex('ff')), gauge)
  const good = field(2, field(1, hex('61')), gauge)
  const records = decodeOtlp('metrics', field(1, field(2, bad, good)))
  assert.deepEqual(
    records.dead.map(({ at, message }) => [at, message]),
    [0, 1].map(at => [at, 'metric "\ufffd": its texts: name is not valid UTF-8']),
  )
  assert.deepEqual([...records.tables[0]!.at], [2, 3])
})

test('of two kinds in one metric the last counts, and one kind in pieces is merged', () => {
  const gauge = (...points: number[]) => field(5, ...points.map(k => field(1, hex(`19 0${k} 00 00 00 00 00 00 00`))))
  const sum = field(7, field(1, hex('19 09 00 00 00 00 00 00 00')))
  const times = (...data: Uint8Array[]) =>
    rowsOf(decodeOtlp('metrics', field(1, field(2, field(2, ...data))))).map(({ row }) => row.time_unix_nano)
  assert.deepEqual(times(gauge(1), gauge(2, 3)), [1, 2, 3])
  assert.deepEqual(times(sum, gauge(1)), [1])
  assert.deepEqual(times(gauge(1), sum), [9])
})

test('repeated numbers may be packed, in pieces, or stand one by one', () => {
  const one = hex('31 01 00 00 00 00 00 00 00')
  const packed = field(6, hex('02 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00'))
  const histogram = field(9, field(1, one, packed, field(6), one))
  const positive = field(8, hex('10 01 12 03 ac 02 07 10 05'))
  const exponential = field(10, field(1, positive, field(8, hex('08 03 10 09'))))
  const all = rowsOf(decodeOtlp('metrics', field(1, field(2, field(2, histogram), field(2, exponential)))))
  assert.equal(all[0]?.row.bucket_counts, '[1,2,3,1]')
  assert.equal(all[1]?.row.positive_bucket_counts, '[1,300,7,5,9]')
  assert.equal(all[1]?.row.positive_offset, -2)
})
