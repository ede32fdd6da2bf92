/** Field numbers of opentelemetry/proto/{common,resource,logs,trace,metrics}/v1, those that OTAP has columns for. */
export const anyValue = { string: 1, bool: 2, int: 3, double: 4, array: 5, map: 6, bytes: 7 }
export const list = { values: 1 }
export const keyValue = { key: 1, value: 2 }
export const request = { resources: 1 }
/** ResourceLogs, ResourceSpans, ResourceMetrics, and within them ScopeLogs, ScopeSpans, ScopeMetrics. */
export const resourceGroup = { resource: 1, scopes: 2, schemaUrl: 3 }
export const scopeGroup = { scope: 1, records: 2, schemaUrl: 3 }
export const resource = { attributes: 1, droppedAttributesCount: 2 }
export const scope = { name: 1, version: 2, attributes: 3, droppedAttributesCount: 4 }

export const logRecord = {
  timeUnixNano: 1,
  severityNumber: 2,
  severityText: 3,
  body: 5,
  attributes: 6,
  droppedAttributesCount: 7,
  flags: 8,
  traceId: 9,
  spanId: 10,
  observedTimeUnixNano: 11,
  eventName: 12,
}

export const span = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  parentSpanId: 4,
  name: 5,
  kind: 6,
  startTimeUnixNano: 7,
  endTimeUnixNano: 8,
  attributes: 9,
  droppedAttributesCount: 10,
  events: 11,
  droppedEventsCount: 12,
  links: 13,
  droppedLinksCount: 14,
  status: 15,
  flags: 16,
}
export const status = { message: 2, code: 3 }
export const spanEvent = { timeUnixNano: 1, name: 2, attributes: 3, droppedAttributesCount: 4 }
export const spanLink = { traceId: 1, spanId: 2, traceState: 3, attributes: 4, droppedAttributesCount: 5, flags: 6 }

export const metric = { name: 1, description: 2, unit: 3, metadata: 12 }
/** The kinds of a metric: the number of its `metric_type` in OTAP, and its field in Metric. */
export const metricKinds = {
  gauge: [1, 5],
  sum: [2, 7],
  histogram: [3, 9],
  expHistogram: [4, 10],
  summary: [5, 11],
} as const
export const metricData = { dataPoints: 1, aggregationTemporality: 2, isMonotonic: 3 }
/** NumberDataPoint and SummaryDataPoint */
export const numberPoint = {
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  asDouble: 4,
  exemplars: 5,
  asInt: 6,
  attributes: 7,
  flags: 8,
}
export const summaryPoint = {
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  count: 4,
  sum: 5,
  quantileValues: 6,
  attributes: 7,
  flags: 8,
}
export const quantile = { quantile: 1, value: 2 }
export const histogramPoint = {
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  count: 4,
  sum: 5,
  bucketCounts: 6,
  explicitBounds: 7,
  exemplars: 8,
  attributes: 9,
  flags: 10,
  min: 11,
  max: 12,
}
export const expHistogramPoint = {
  attributes: 1,
  startTimeUnixNano: 2,
  timeUnixNano: 3,
  count: 4,
  sum: 5,
  scale: 6,
  zeroCount: 7,
  positive: 8,
  negative: 9,
  flags: 10,
  exemplars: 11,
  min: 12,
  max: 13,
  zeroThreshold: 14,
}
export const buckets = { offset: 1, bucketCounts: 2 }
export const exemplar = { timeUnixNano: 2, asDouble: 3, spanId: 4, traceId: 5, asInt: 6, filteredAttributes: 7 }
