import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../test/support/otlp.ts'
import { AppError } from '../../errors.ts'
import { decodeOtlp } from '../protobuf/decode.ts'
import { rowsOf } from '../rows.ts'
import { createOtapDecoder } from './decoder.ts'
import {
  bool,
  type Columns,
  f64,
  fixed,
  float64,
  i32,
  i64,
  list,
  Producer,
  quantiles,
  struct,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  uint64,
  utf8,
  words,
} from './otap.suite.ts'

const id = (length: number, byte: number) => new Uint8Array(length).fill(byte)
const string = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const body = (payloads: object) => createOtapDecoder('metrics').decode(new Producer().message(payloads)).body
const decode = (payloads: object) => rowsOf(decodeOtlp('metrics', body(payloads)))
const expected = (metrics: object[]) => {
  return rowsOf(decodeOtlp('metrics', encodeRequest('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })))
}
function failure(payloads: object): string {
  try {
    body(payloads)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return error.message
  }
  return 'none'
}

const gauge = 1
const metric = (...types: number[]): Columns => [
  u16(
    'id',
    types.map((_, k) => Math.min(k, 1)),
  ),
  u8('metric_type', types),
  utf8(
    'name',
    types.map((_, k) => `m${k}`),
  ),
]
const attributes = (parents: number[]): Columns => [
  u32('parent_id', parents, 'plain'),
  u8(
    'type',
    parents.map(() => 1),
  ),
  words().column(
    'key',
    parents.map(() => 'k'),
  ),
  words().column('str', parents.map(String)),
]
const points = (count: number, parents: number[]): Columns => [
  u32(
    'id',
    Array.from({ length: count }, (_, k) => Math.min(k, 1)),
  ),
  u16('parent_id', parents),
  timestamp(
    'start_time_unix_nano',
    Array.from({ length: count }, () => 5n),
  ),
  timestamp(
    'time_unix_nano',
    Array.from({ length: count }, (_, k) => BigInt(100 + k)),
  ),
]
const times = (k: number) => ({ startTimeUnixNano: '5', timeUnixNano: String(100 + k) })
const exemplars = (parents: number[], values: (number | null)[]): Columns => [
  u32(
    'id',
    parents.map((_, k) => Math.min(k, 1)),
  ),
  u32('parent_id', parents, 'plain'),
  timestamp(
    'time_unix_nano',
    parents.map(() => 9n),
  ),
  f64('double_value', values),
  i64(
    'int_value',
    values.map(value => (value === null ? 4n : null)),
  ),
  fixed(
    'span_id',
    8,
    parents.map(() => id(8, 3)),
  ),
  fixed(
    'trace_id',
    16,
    parents.map((_, k) => (k === 0 ? id(16, 4) : null)),
  ),
]
const exemplar = (k: number, value: object) => ({
  ...{ timeUnixNano: '9', spanId: id(8, 3), ...(k === 0 && { traceId: id(16, 4) }) },
  ...{ ...value, filteredAttributes: [string('k', String(k))] },
})

test('gauges and sums have their number points, ints and doubles, and points without a value', () => {
  const payloads = {
    UNIVARIATE_METRICS: [
      ...metric(gauge, 2),
      utf8('description', ['d', null]),
      words().column('unit', ['ms', null]),
      i32('aggregation_temporality', [null, 2]),
      bool('is_monotonic', [null, true]),
    ],
    METRIC_ATTRS: [u16('parent_id', [1]), u8('type', [1]), utf8('key', ['m']), utf8('str', ['n'])],
    NUMBER_DATA_POINTS: [
      ...points(4, [0, 0, 1, 0]),
      i64('int_value', [null, -7n, (1n << 63n) - 1n, null]),
      f64('double_value', [1.5, null, null, null]),
      u32('flags', [0, 0, 0, 1]),
    ],
    NUMBER_DP_ATTRS: attributes([0, 2]),
    NUMBER_DP_EXEMPLARS: exemplars([1, 2], [2.5, null]),
    NUMBER_DP_EXEMPLAR_ATTRS: attributes([0, 1]),
  }
  // the ids of points are 0, 1, 2, 3 and their metrics 0, 0, 1, 1
  assert.deepEqual(
    decode(payloads),
    expected([
      {
        ...{ name: 'm0', description: 'd', unit: 'ms' },
        gauge: {
          dataPoints: [
            { ...times(0), asDouble: 1.5, attributes: [string('k', '0')] },
            { ...times(1), asInt: '-7', exemplars: [exemplar(0, { asDouble: 2.5 })] },
          ],
        },
      },
      {
        name: 'm1',
        sum: {
          ...{ aggregationTemporality: 2, isMonotonic: true },
          dataPoints: [
            {
              ...{ ...times(2), asInt: '9223372036854775807' },
              ...{ attributes: [string('k', '2')], exemplars: [exemplar(1, { asInt: '4' })] },
            },
            { ...times(3), flags: 1 },
          ],
        },
        metadata: [string('m', 'n')],
      },
    ]),
  )
})

test('histograms have their buckets, bounds and exemplars, exactly', () => {
  const most = (1n << 64n) - 1n
  const payloads = {
    UNIVARIATE_METRICS: [...metric(3), i32('aggregation_temporality', [1])],
    HISTOGRAM_DATA_POINTS: [
      ...points(3, [0, 0, 0]),
      u64('count', [most, 0n, null]),
      f64('sum', [1.5, null, null]),
      f64('min', [-1, null, null]),
      f64('max', [2, null, null]),
      list('bucket_counts', uint64, [[1n, most], [], null]),
      list('explicit_bounds', float64, [[0.5], [], null]),
      u32('flags', [2, 0, 0]),
    ],
    HISTOGRAM_DP_ATTRS: attributes([1]),
    HISTOGRAM_DP_EXEMPLARS: exemplars([0, 0], [1, null]),
    HISTOGRAM_DP_EXEMPLAR_ATTRS: attributes([0, 1]),
  }
  assert.deepEqual(
    decode(payloads),
    expected([
      {
        name: 'm0',
        histogram: {
          aggregationTemporality: 1,
          dataPoints: [
            {
              ...{ ...times(0), count: String(most), sum: 1.5, min: -1, max: 2, flags: 2 },
              ...{ bucketCounts: ['1', String(most)], explicitBounds: [0.5] },
              exemplars: [exemplar(0, { asDouble: 1 }), exemplar(1, { asInt: '4' })],
            },
            { ...times(1), attributes: [string('k', '1')] },
            times(2),
          ],
        },
      },
    ]),
  )
})

test('exponential histograms have both sides, and none where the side is null', () => {
  const payloads = {
    UNIVARIATE_METRICS: [...metric(4), i32('aggregation_temporality', [2])],
    EXP_HISTOGRAM_DATA_POINTS: [
      ...points(2, [0, 0]),
      u64('count', [4n, 0n]),
      f64('sum', [8, null]),
      i32('scale', [-3, 20]),
      u64('zero_count', [1n, 0n]),
      f64('zero_threshold', [0.01, null]),
      struct(
        'positive',
        [i32('offset', [-1, 0]), list('bucket_counts', uint64, [[1n, 300n, 1n << 63n], []])],
        [true, false],
      ),
      struct('negative', [i32('offset', [2, 0]), list('bucket_counts', uint64, [[2n], []])]),
      f64('min', [-2, null]),
      f64('max', [4, null]),
    ],
    EXP_HISTOGRAM_DP_ATTRS: attributes([0]),
    EXP_HISTOGRAM_DP_EXEMPLARS: exemplars([1], [1]),
    EXP_HISTOGRAM_DP_EXEMPLAR_ATTRS: attributes([0]),
  }
  assert.deepEqual(
    decode(payloads),
    expected([
      {
        name: 'm0',
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              ...{ ...times(0), count: '4', sum: 8, scale: -3, zeroCount: '1', zeroThreshold: 0.01, min: -2, max: 4 },
              positive: { offset: -1, bucketCounts: ['1', '300', '9223372036854775808'] },
              ...{ negative: { offset: 2, bucketCounts: ['2'] }, attributes: [string('k', '0')] },
            },
            { ...times(1), scale: 20, negative: {}, exemplars: [exemplar(0, { asDouble: 1 })] },
          ],
        },
      },
    ]),
  )
})

test('summaries have their quantiles', () => {
  const payloads = {
    UNIVARIATE_METRICS: metric(5),
    SUMMARY_DATA_POINTS: [
      ...points(3, [0, 0, 0]),
      u64('count', [2n, 1n, 0n]),
      f64('sum', [3, 1, 0]),
      list('quantile', quantiles, [
        [
          { quantile: 0.5, value: 1 },
          { quantile: 0.9, value: 2 },
        ],
        [{ quantile: 1, value: 0 }],
        null,
      ]),
    ],
    SUMMARY_DP_ATTRS: attributes([1]),
  }
  assert.deepEqual(
    decode(payloads),
    expected([
      {
        name: 'm0',
        summary: {
          dataPoints: [
            {
              ...{ ...times(0), count: '2', sum: 3 },
              quantileValues: [
                { quantile: 0.5, value: 1 },
                { quantile: 0.9, value: 2 },
              ],
            },
            {
              ...times(1),
              count: '1',
              sum: 1,
              quantileValues: [{ quantile: 1, value: 0 }],
              attributes: [string('k', '1')],
            },
            times(2),
          ],
        },
      },
    ]),
  )
})

test('metrics of one resource and scope stand together, and keep their points where resources come back', () => {
  const resource = struct('resource', [u16('id', [0, 1, 0], 'plain'), utf8('schema_url', ['r0', 'r1', 'r0'])])
  const payloads = {
    UNIVARIATE_METRICS: [
      u16('id', [4, 2, 9], 'plain'),
      u8('metric_type', [1, 1, 1]),
      utf8('name', ['a', 'b', 'c']),
      resource,
    ],
    NUMBER_DATA_POINTS: [u16('parent_id', [9, 2, 4, 9], 'plain'), timestamp('time_unix_nano', [1n, 2n, 3n, 4n])],
  }
  const seen = decode(payloads).map(({ row }) => [row.name, row.time_unix_nano, row.schema_url])
  assert.deepEqual(seen, [
    ['a', 3, 'r0'],
    ['b', 2, 'r1'],
    ['c', 1, 'r0'],
    ['c', 4, 'r0'],
  ])
})

test('data points that no metric of their kind takes, or two do, refuse the message: none is lost in silence', () => {
  const numbers = { NUMBER_DATA_POINTS: [u16('parent_id', [0, 0, 1]), timestamp('time_unix_nano', [1n, 2n, 3n])] }
  const root = (...types: number[]) => ({ UNIVARIATE_METRICS: metric(...types), ...numbers })
  assert.equal(failure(root(1, 2)), 'none')
  assert.match(failure(root(1)), /NUMBER_DATA_POINTS: 2 of 3 data points have a metric of their kind/)
  assert.match(failure(root(1, 3)), /NUMBER_DATA_POINTS: 2 of 3/)
  assert.match(failure(root(1, 0)), /NUMBER_DATA_POINTS: 2 of 3/)
  const twice = [u16('id', [0, 0, 1]), u8('metric_type', [1, 1, 1]), utf8('name', ['a', 'b', 'c'])]
  assert.match(failure({ ...root(1), UNIVARIATE_METRICS: twice }), /NUMBER_DATA_POINTS: 5 of 3/)
})

test('a metric without points makes none, whatever its type', () => {
  assert.deepEqual(decode({ UNIVARIATE_METRICS: metric(0, 1, 2, 3, 4, 5, 200) }), [])
})

test('lists of another type or with nulls are refused by name', () => {
  const histogram = (columns: Columns) => ({
    UNIVARIATE_METRICS: metric(3),
    HISTOGRAM_DATA_POINTS: [...points(1, [0]), ...columns],
  })
  const nulls = [list('bucket_counts', uint64, [[1n, null]])]
  assert.match(
    failure(histogram([list('bucket_counts', float64, [[1]])])),
    /column bucket_counts is a list of float64, not uint64/,
  )
  assert.match(failure(histogram(nulls)), /column bucket_counts is a list with nulls/)
  const summary = {
    UNIVARIATE_METRICS: metric(5),
    SUMMARY_DATA_POINTS: [...points(1, [0]), list('quantile', float64, [[1]])],
  }
  assert.match(failure(summary), /column quantile is a list of float64/)
})
