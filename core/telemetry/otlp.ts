import type { MetricSpec } from './metric.ts'
import type { Registry } from './registry.ts'
import type { MetricSnapshot, Point } from './snapshot.ts'

/** AggregationTemporality in opentelemetry/proto/metrics/v1/metrics.proto */
const cumulative = 2

/**
 * All metrics as the JSON text of an OTLP ExportMetricsServiceRequest, with cumulative temporality.
 *
 * Source: OTLP 1.x, "JSON Protobuf Encoding": 64-bit integers are decimal strings, enums are numbers.
 *
 * @param nowNanos nanoseconds since 1970 UTC
 * @param startNanos when the registry began to count; the same in every export of it
 */
export function otlpJson(registry: Registry, nowNanos: bigint, startNanos: bigint): string {
  // a clock that was set back must not put the end of the interval before its start
  const end = nowNanos < startNanos ? startNanos : nowNanos
  const times = { startTimeUnixNano: String(startNanos), timeUnixNano: String(end) }
  const scopeMetrics = registry
    .snapshot()
    .filter(({ metrics }) => metrics.length > 0)
    .map(({ scope, metrics }) => ({ scope: { name: scope }, metrics: metrics.map(metric => encode(metric, times)) }))
  const resource = { attributes: attributes(Object.entries(registry.resource)) }
  return JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics }] })
}

function encode({ spec, points }: MetricSnapshot, times: object): object {
  const dataPoints = points.map(point => ({
    attributes: attributes(point.labels),
    ...times,
    ...(spec.kind === 'histogram' ? distribution(spec, point) : number(spec, point)),
  }))
  return { name: spec.name, description: spec.brief, unit: spec.unit, ...data(spec, dataPoints) }
}

function data({ kind }: MetricSpec, dataPoints: readonly object[]): object {
  if (kind === 'gauge') return { gauge: { dataPoints } }
  if (kind === 'histogram') return { histogram: { aggregationTemporality: cumulative, dataPoints } }
  return { sum: { aggregationTemporality: cumulative, isMonotonic: kind === 'counter', dataPoints } }
}

function number({ unit }: MetricSpec, { value }: Point): object {
  // things and bytes are counted in whole numbers, seconds and ratios are measured
  const counted = unit !== 's' && unit !== '1'
  return counted && Number.isSafeInteger(value) ? { asInt: String(value) } : { asDouble: value }
}

function distribution({ bounds }: MetricSpec, { value, buckets }: Point): object {
  const count = String(buckets.reduce((sum, inBucket) => sum + inBucket, 0))
  return { count, sum: value, bucketCounts: buckets.map(String), explicitBounds: bounds }
}

function attributes(pairs: readonly (readonly [string, string])[]): object[] {
  return pairs.map(([key, stringValue]) => ({ key, value: { stringValue } }))
}
