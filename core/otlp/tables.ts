/**
 * The seven tables of OpenTelemetry data and the columns that a decoder fills, in their order (DESIGN 5). The names are
 * those of the model that users know (duckdb-otlp, OTAP's canonical names), `schema_url` is ours. `schema.sql` has the
 * same columns, and behind them those that the store fills: record_id, stream_id, stream_index, tenant, received_at.
 *
 * What the kinds hold, in SQLite's terms:
 * - `ns`: nanoseconds since 1970-01-01 UTC, exact: INTEGER, or decimal TEXT above 2^63-1, which sorts behind all INTEGERs
 * - `u64`: the same rule for unsigned counts. `i64`, `int`, `bool` (0 or 1): INTEGER
 * - `real`: REAL, infinities included; NaN is the TEXT `NaN`, since SQLite has no such number
 * - `text`: TEXT. `id`: lower-case hex
 * - `json`: JSON text: attributes as an object, or an array
 */
export type ColumnKind = 'ns' | 'u64' | 'i64' | 'int' | 'bool' | 'real' | 'text' | 'id' | 'json'
type Column = readonly [name: string, kind: ColumnKind]

const service = [
  ['service_name', 'text'],
  ['service_namespace', 'text'],
  ['service_instance_id', 'text'],
] as const satisfies Column[]
const scope = [
  ['resource_attributes', 'json'],
  ['scope_name', 'text'],
  ['scope_version', 'text'],
  ['scope_attributes', 'json'],
] as const satisfies Column[]
const schemaUrl = ['schema_url', 'text'] as const satisfies Column
const metricHead = [
  ['time_unix_nano', 'ns'],
  ['start_time_unix_nano', 'ns'],
  ['name', 'text'],
  ['description', 'text'],
  ['unit', 'text'],
] as const satisfies Column[]
const metricTail = [...service, ...scope, ['metric_attributes', 'json'], ['flags', 'int']] as const satisfies Column[]
const exemplars = ['exemplars_json', 'json'] as const satisfies Column
const temporality = ['aggregation_temporality', 'int'] as const satisfies Column
const distribution = [
  ['count', 'u64'],
  ['sum', 'real'],
  ['min', 'real'],
  ['max', 'real'],
] as const satisfies Column[]
const number = [
  ...metricHead,
  ['int_value', 'i64'],
  ['double_value', 'real'],
  ...metricTail,
  exemplars,
] as const satisfies Column[]

export const otlpTables = {
  otlp_logs: [
    ['time_unix_nano', 'ns'],
    ['observed_time_unix_nano', 'ns'],
    ['trace_id', 'id'],
    ['span_id', 'id'],
    ...service,
    ['severity_number', 'int'],
    ['severity_text', 'text'],
    ['event_name', 'text'],
    ['body', 'text'],
    ...scope,
    ['log_attributes', 'json'],
    ['dropped_attributes_count', 'int'],
    ['flags', 'int'],
    schemaUrl,
  ],
  otlp_traces: [
    ['start_time_unix_nano', 'ns'],
    ['duration_time_unix_nano', 'u64'],
    ['trace_id', 'id'],
    ['span_id', 'id'],
    ['parent_span_id', 'id'],
    ['trace_state', 'text'],
    ...service,
    ['name', 'text'],
    ['kind', 'int'],
    ['status_code', 'int'],
    ['status_status_message', 'text'],
    ...scope,
    ['span_attributes', 'json'],
    ['events_json', 'json'],
    ['links_json', 'json'],
    ['dropped_attributes_count', 'int'],
    ['dropped_events_count', 'int'],
    ['dropped_links_count', 'int'],
    ['flags', 'int'],
    schemaUrl,
  ],
  otlp_metrics_gauge: [...number, schemaUrl],
  otlp_metrics_sum: [...number, temporality, ['is_monotonic', 'bool'], schemaUrl],
  otlp_metrics_histogram: [
    ...metricHead,
    ...distribution,
    ['bucket_counts', 'json'],
    ['explicit_bounds', 'json'],
    ...metricTail,
    exemplars,
    temporality,
    schemaUrl,
  ],
  otlp_metrics_exp_histogram: [
    ...metricHead,
    ...distribution,
    ['scale', 'int'],
    ['zero_count', 'u64'],
    ['zero_threshold', 'real'],
    ['positive_offset', 'int'],
    ['positive_bucket_counts', 'json'],
    ['negative_offset', 'int'],
    ['negative_bucket_counts', 'json'],
    ...metricTail,
    exemplars,
    temporality,
    schemaUrl,
  ],
  otlp_metrics_summary: [
    ...metricHead,
    ['count', 'u64'],
    ['sum', 'real'],
    ['quantile_values', 'json'],
    ...metricTail,
    schemaUrl,
  ],
} as const satisfies Record<string, readonly Column[]>

export type OtlpTable = keyof typeof otlpTables
export const otlpTableNames = Object.keys(otlpTables) as OtlpTable[]

/** The column that a promoted resource attribute has in every table: characters other than `[A-Za-z0-9_]` become `_`. */
export const promotedColumn = (key: string): string => `resource_attr_${key.replace(/[^A-Za-z0-9_]/g, '_')}`
