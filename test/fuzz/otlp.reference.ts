import type { Signal } from '../../core/otlp/records.ts'
import type { OtlpRow, RowValue } from '../../core/otlp/rows.ts'
import type { OtlpTable } from '../../core/otlp/tables.ts'
import { otlpTables, promotedColumn } from '../../core/otlp/tables.ts'
import { requestType } from '../support/otlp.ts'
import type * as otlp from './otlp.messages.ts'
import { attributesOf, double, idOf, type Json, Refused, textOf } from './otlp.reference.values.ts'

/** The same rows as core/otlp/protobuf makes, from the objects of a generated decoder, written for reading. */
export interface Reference {
  count: number
  rows: OtlpRow[]
  dead: number[]
}

type Cells = Record<string, RowValue | undefined>

export function reference(signal: Signal, body: Uint8Array, promote: readonly string[] = []): Reference {
  const result: Reference = { count: 0, rows: [], dead: [] }
  const record = (table: OtlpTable, head: Cells, cells: () => Cells) => {
    const at = result.count++
    try {
      const all = { ...head, ...cells() }
      const names = [...otlpTables[table].map(([name]) => name), ...promote.map(promotedColumn)]
      result.rows.push({ table, at, row: Object.fromEntries(names.map(name => [name, all[name] ?? null])) })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      result.dead.push(at)
    }
  }
  const request = requestType(signal).decode(body) as unknown as otlp.Request
  for (const group of request.resourceLogs ?? request.resourceSpans ?? request.resourceMetrics ?? [])
    for (const scope of group.scopeLogs ?? group.scopeSpans ?? group.scopeMetrics ?? []) {
      const head = {
        ...resourceCells(group, promote),
        ...scopeCells(scope),
        schema_url: scope.schemaUrl || group.schemaUrl || null,
      }
      for (const log of scope.logRecords ?? []) record('otlp_logs', head, () => logCells(log))
      for (const span of scope.spans ?? []) record('otlp_traces', head, () => spanCells(span))
      for (const metric of scope.metrics ?? [])
        if (metric.data)
          for (const point of metric[metric.data]?.dataPoints ?? [])
            record(tableOf[metric.data], { ...head, ...metricCells(metric) }, () => pointCells(metric, point))
    }
  return result
}

const empty = <T>(value: T | '' | undefined): T | null => value || null

function resourceCells({ resource }: otlp.Group, promote: readonly string[]): Cells {
  const find = (key: string) => textOf(resource?.attributes?.findLast(pair => pair.key === key && pair.value)?.value)
  return {
    service_name: find('service.name') ?? 'unknown',
    service_namespace: find('service.namespace'),
    service_instance_id: find('service.instance.id'),
    resource_attributes: attributesOf(resource?.attributes),
    ...Object.fromEntries(promote.map(key => [promotedColumn(key), find(key)])),
  }
}

function scopeCells({ scope }: otlp.ScopeGroup): Cells {
  return {
    scope_name: empty(scope?.name),
    scope_version: empty(scope?.version),
    scope_attributes: attributesOf(scope?.attributes),
  }
}

function logCells(log: otlp.LogRecord): Cells {
  return {
    time_unix_nano: number(log.timeUnixNano) || null,
    observed_time_unix_nano: number(log.observedTimeUnixNano) || null,
    trace_id: idOf(log.traceId, 16),
    span_id: idOf(log.spanId, 8),
    severity_number: log.severityNumber || null,
    severity_text: empty(log.severityText),
    event_name: empty(log.eventName),
    body: textOf(log.body),
    log_attributes: attributesOf(log.attributes),
    dropped_attributes_count: log.droppedAttributesCount,
    flags: log.flags,
  }
}

function spanCells(span: otlp.Span): Cells {
  const trace_id = idOf(span.traceId, 16)
  const span_id = idOf(span.spanId, 8)
  if (trace_id === null || span_id === null) throw new Refused()
  const duration = BigInt(String(span.endTimeUnixNano)) - BigInt(String(span.startTimeUnixNano))
  return {
    start_time_unix_nano: number(span.startTimeUnixNano),
    duration_time_unix_nano: number(duration < 0n ? 0n : duration),
    trace_id,
    span_id,
    parent_span_id: idOf(span.parentSpanId, 8),
    trace_state: empty(span.traceState),
    name: span.name,
    kind: span.kind,
    status_code: span.status?.code ?? 0,
    status_status_message: empty(span.status?.message),
    span_attributes: attributesOf(span.attributes),
    events_json: list(span.events, event => [
      ['attributes', attributesOf(event.attributes) ?? '{}'],
      ['dropped_attributes_count', event.droppedAttributesCount || null],
      ['name', JSON.stringify(event.name)],
      ['time_unix_nano', String(event.timeUnixNano)],
    ]),
    links_json: list(span.links, link => [
      ['attributes', attributesOf(link.attributes) ?? '{}'],
      ['dropped_attributes_count', link.droppedAttributesCount || null],
      ['flags', link.flags || null],
      ['span_id', JSON.stringify(idOf(link.spanId, 8))],
      ['trace_id', JSON.stringify(idOf(link.traceId, 16))],
      ['trace_state', JSON.stringify(link.traceState)],
    ]),
    dropped_attributes_count: span.droppedAttributesCount,
    dropped_events_count: span.droppedEventsCount,
    dropped_links_count: span.droppedLinksCount,
    flags: span.flags,
  }
}

const tableOf = {
  gauge: 'otlp_metrics_gauge',
  sum: 'otlp_metrics_sum',
  histogram: 'otlp_metrics_histogram',
  exponentialHistogram: 'otlp_metrics_exp_histogram',
  summary: 'otlp_metrics_summary',
} as const

function metricCells(metric: otlp.Metric): Cells {
  const data = metric[metric.data!]
  return {
    name: metric.name,
    description: empty(metric.description),
    unit: empty(metric.unit),
    aggregation_temporality: data?.aggregationTemporality,
    is_monotonic: data?.isMonotonic === undefined ? undefined : Number(data.isMonotonic),
  }
}

function pointCells({ data }: otlp.Metric, point: otlp.DataPoint): Cells {
  const { quantileValues, positive, negative } = point
  const own = <Key extends keyof otlp.DataPoint>(key: Key) => (Object.hasOwn(point, key) ? point[key] : undefined)
  const summary = data === 'summary'
  return {
    time_unix_nano: number(point.timeUnixNano),
    start_time_unix_nano: number(point.startTimeUnixNano) || null,
    metric_attributes: attributesOf(point.attributes),
    flags: point.flags,
    exemplars_json: list(point.exemplars, exemplar => [
      ['filtered_attributes', attributesOf(exemplar.filteredAttributes) ?? '{}'],
      ['span_id', JSON.stringify(idOf(exemplar.spanId, 8))],
      ['time_unix_nano', String(exemplar.timeUnixNano)],
      ['trace_id', JSON.stringify(idOf(exemplar.traceId, 16))],
      ['value', exemplarValue(exemplar)],
    ]),
    int_value: point.value === 'asInt' ? number(point.asInt) : null,
    double_value: point.value === 'asDouble' ? real(point.asDouble) : null,
    count: number(point.count),
    sum: real(summary ? point.sum : own('sum')),
    min: real(own('min')),
    max: real(own('max')),
    bucket_counts: array(point.bucketCounts, String),
    explicit_bounds: array(point.explicitBounds, double),
    scale: point.scale,
    zero_count: number(point.zeroCount),
    zero_threshold: real(point.zeroThreshold),
    positive_offset: positive?.offset,
    positive_bucket_counts: positive && array(positive.bucketCounts, String),
    negative_offset: negative?.offset,
    negative_bucket_counts: negative && array(negative.bucketCounts, String),
    quantile_values:
      quantileValues && array(quantileValues, at => `{"quantile":${double(at.quantile)},"value":${double(at.value)}}`),
  }
}

function exemplarValue(exemplar: otlp.Exemplar): Json {
  if (exemplar.value === 'asInt') return String(exemplar.asInt)
  return exemplar.value === 'asDouble' ? double(exemplar.asDouble) : 'null'
}

/** A number; a bigint where it is none exactly. */
function number(value: otlp.Long | bigint | undefined): number | bigint | undefined {
  if (value === undefined) return undefined
  const exact = BigInt(String(value))
  return BigInt.asIntN(54, exact) === exact ? Number(exact) : exact
}

const real = (value: number | undefined) => (Number.isNaN(value) ? 'NaN' : value)
const array = <T>(values: readonly T[] | undefined, text: (value: T) => string) =>
  `[${(values ?? []).map(text).join()}]`

function list<T>(
  values: readonly T[] | undefined,
  fields: (value: T) => [string, Json | number | null][],
): string | null {
  if (!values?.length) return null
  const object = (pairs: [string, Json | number | null][]) =>
    `{${pairs.flatMap(([key, json]) => (json === null ? [] : [`"${key}":${json}`])).join()}}`
  return array(values, value => object(fields(value)))
}
