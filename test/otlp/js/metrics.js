import { ValueType } from '@opentelemetry/api'
import {
  AggregationType,
  DataPointType,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { nanoseconds, scope } from './scope.js'

/** Resolves with the points of each export, as rows of their tables. */
export async function sendMetrics(resource, exporter) {
  const exports = []
  const send = exporter.export.bind(exporter)
  exporter.export = (metrics, done) => {
    exports.push(metrics.scopeMetrics.flatMap(scope => scope.metrics).flatMap(rowsOf))
    send(metrics, done)
  }
  const provider = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
    views: [{ instrumentName: 'spread', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  })
  const meter = provider.getMeter(...scope)
  const int = { valueType: ValueType.INT }
  const double = { valueType: ValueType.DOUBLE }

  const requests = meter.createCounter('requests', { ...int, unit: '{request}', description: 'requests taken' })
  requests.add(3, { route: '/a' })
  requests.add(4, { route: '/a' })
  requests.add(1)
  const cost = meter.createCounter('cost', { ...double, unit: 'USD' })
  cost.add(0.25)
  cost.add(0.5)
  const queue = meter.createUpDownCounter('queue', int)
  queue.add(5)
  queue.add(-8)
  meter.createUpDownCounter('balance', double).add(-1.5)
  meter.createGauge('workers', int).record(42)
  meter.createGauge('temperature', { ...double, unit: 'Cel' }).record(21.5)
  const latency = meter.createHistogram('latency', {
    ...double,
    unit: 'ms',
    advice: { explicitBucketBoundaries: [5, 10, 100] },
  })
  for (const ms of [1, 7.5, 300, 7]) latency.record(ms)
  const size = meter.createHistogram('size', { ...int, advice: { explicitBucketBoundaries: [15] } })
  for (const bytes of [10, 20]) size.record(bytes)
  const spread = meter.createHistogram('spread', double)
  for (const value of [1.5, 2, 4, 0]) spread.record(value)
  meter.createObservableCounter('seen', int).addCallback(result => result.observe(11))
  meter.createObservableUpDownCounter('waiting', int).addCallback(result => result.observe(-2))
  meter.createObservableGauge('load', double).addCallback(result => result.observe(0.125))

  await provider.forceFlush()
  // exports once more
  await provider.shutdown()
  return exports
}

function rowsOf({ descriptor, dataPointType, dataPoints, aggregationTemporality, isMonotonic }) {
  // of the SDK: 0 delta, 1 cumulative; of the protocol one more
  const aggregation_temporality = String(aggregationTemporality + 1)
  return dataPoints.map(({ attributes, startTime, endTime, value }) => {
    const row = {
      name: descriptor.name,
      description: descriptor.description || null,
      unit: descriptor.unit || null,
      metric_attributes: attributes,
      start_time_unix_nano: nanoseconds(startTime),
      time_unix_nano: nanoseconds(endTime),
    }
    const number =
      descriptor.valueType === ValueType.INT
        ? { int_value: String(value), double_value: null }
        : { int_value: null, double_value: value }
    const bucketed = {
      count: String(value.count),
      sum: value.sum,
      min: value.min,
      max: value.max,
      aggregation_temporality,
    }
    if (dataPointType === DataPointType.GAUGE) return { table: 'otlp_metrics_gauge', row: { ...row, ...number } }
    if (dataPointType === DataPointType.SUM) {
      const is_monotonic = isMonotonic ? '1' : '0'
      return { table: 'otlp_metrics_sum', row: { ...row, ...number, aggregation_temporality, is_monotonic } }
    }
    if (dataPointType === DataPointType.HISTOGRAM) {
      const { counts: bucket_counts, boundaries: explicit_bounds } = value.buckets
      return { table: 'otlp_metrics_histogram', row: { ...row, ...bucketed, bucket_counts, explicit_bounds } }
    }
    const { scale, zeroCount, positive, negative } = value
    const exponential = {
      scale: String(scale),
      zero_count: String(zeroCount),
      positive_offset: String(positive.offset),
      positive_bucket_counts: positive.bucketCounts,
      negative_offset: String(negative.offset),
      negative_bucket_counts: negative.bucketCounts,
    }
    return { table: 'otlp_metrics_exp_histogram', row: { ...row, ...bucketed, ...exponential } }
  })
}
