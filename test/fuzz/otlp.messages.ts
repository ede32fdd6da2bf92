/** What protobufjs makes of the messages of OTLP, as far as the reference looks at them. */

/** A 64-bit integer; its text is what counts. */
export type Long = { toString(): string }

export interface AnyValue {
  /** the member that is set */
  value?: 'stringValue' | 'boolValue' | 'intValue' | 'doubleValue' | 'arrayValue' | 'kvlistValue' | 'bytesValue'
  stringValue: string
  boolValue: boolean
  intValue: Long
  doubleValue: number
  arrayValue: { values?: AnyValue[] }
  kvlistValue: { values?: KeyValue[] }
  bytesValue: Uint8Array
}

export interface KeyValue {
  key: string
  value?: AnyValue
}

export interface Request {
  resourceLogs?: Group[]
  resourceSpans?: Group[]
  resourceMetrics?: Group[]
}

export interface Group {
  resource?: { attributes?: KeyValue[] }
  schemaUrl: string
  scopeLogs?: ScopeGroup[]
  scopeSpans?: ScopeGroup[]
  scopeMetrics?: ScopeGroup[]
}

export interface ScopeGroup {
  scope?: { name: string; version: string; attributes?: KeyValue[] }
  schemaUrl: string
  logRecords?: LogRecord[]
  spans?: Span[]
  metrics?: Metric[]
}

export interface LogRecord {
  timeUnixNano: Long
  observedTimeUnixNano: Long
  severityNumber: number
  severityText: string
  eventName: string
  body?: AnyValue
  attributes?: KeyValue[]
  droppedAttributesCount: number
  flags: number
  traceId: Uint8Array
  spanId: Uint8Array
}

export interface Span {
  traceId: Uint8Array
  spanId: Uint8Array
  parentSpanId: Uint8Array
  traceState: string
  name: string
  kind: number
  startTimeUnixNano: Long
  endTimeUnixNano: Long
  attributes?: KeyValue[]
  events?: { timeUnixNano: Long; name: string; attributes?: KeyValue[]; droppedAttributesCount: number }[]
  links?: {
    traceId: Uint8Array
    spanId: Uint8Array
    traceState: string
    attributes?: KeyValue[]
    droppedAttributesCount: number
    flags: number
  }[]
  status?: { code: number; message: string }
  droppedAttributesCount: number
  droppedEventsCount: number
  droppedLinksCount: number
  flags: number
}

type Kind = 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary'

export interface Metric extends Partial<Record<Kind, Data>> {
  name: string
  description: string
  unit: string
  /** the member that is set */
  data?: Kind
}

interface Data {
  dataPoints?: DataPoint[]
  aggregationTemporality?: number
  isMonotonic?: boolean
}

interface Buckets {
  offset: number
  bucketCounts?: Long[]
}

/** A point of any kind. */
export interface DataPoint {
  timeUnixNano: Long
  startTimeUnixNano: Long
  attributes?: KeyValue[]
  flags: number
  exemplars?: Exemplar[]
  value?: 'asInt' | 'asDouble'
  asInt?: Long
  asDouble?: number
  count?: Long
  sum?: number
  min?: number
  max?: number
  bucketCounts?: Long[]
  explicitBounds?: number[]
  scale?: number
  zeroCount?: Long
  zeroThreshold?: number
  positive?: Buckets
  negative?: Buckets
  quantileValues?: { quantile: number; value: number }[]
}

export interface Exemplar {
  timeUnixNano: Long
  spanId: Uint8Array
  traceId: Uint8Array
  filteredAttributes?: KeyValue[]
  value?: 'asInt' | 'asDouble'
  asInt: Long
  asDouble: number
}
