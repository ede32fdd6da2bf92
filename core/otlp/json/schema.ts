import type { Signal } from '../records.ts'
import { Shape } from './shape.ts'

/* The messages of opentelemetry-proto 1.x as far as the rows have room for them; the numbers are those of its fields. */

/** `PREFIX_A`, `PREFIX_B` … as proto3 JSON names the values of an enum, which count from 0. */
const names = (prefix: string, ...values: string[]): ReadonlyMap<string, number> =>
  new Map(values.map((value, k) => [`${prefix}_${value}`, k]))

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
const severities = names(
  'SEVERITY_NUMBER',
  'UNSPECIFIED',
  ...levels.flatMap(level => [level, `${level}2`, `${level}3`, `${level}4`]),
)
const spanKinds = names('SPAN_KIND', 'UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER')
const statusCodes = names('STATUS_CODE', 'UNSET', 'OK', 'ERROR')
const temporalities = names('AGGREGATION_TEMPORALITY', 'UNSPECIFIED', 'DELTA', 'CUMULATIVE')

const anyValue = new Shape('a value', 1)
const arrayValue = new Shape('an array of values', 1).define({ values: [1, 'values', anyValue] })
const keyValue = new Shape('an attribute', 1).define({ key: [1, 'string'], value: [2, 'message', anyValue] })
const keyValueList = new Shape('a list of attributes', 1).define({ values: [1, 'messages', keyValue] })
anyValue
  .define({
    stringValue: [1, 'string'],
    boolValue: [2, 'bool'],
    intValue: [3, 'int64'],
    doubleValue: [4, 'double'],
    arrayValue: [5, 'message', arrayValue],
    kvlistValue: [6, 'message', keyValueList],
    bytesValue: [7, 'bytes'],
  })
  .exclusive('stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue')

arrayValue.nests = keyValueList.nests = true

const resource = new Shape('the resource', 2).define({ attributes: [1, 'messages', keyValue] })
const scope = new Shape('the scope', 1).define({
  name: [1, 'string'],
  version: [2, 'string'],
  attributes: [3, 'messages', keyValue],
})

const logRecord = new Shape('a log record', 2).define({
  timeUnixNano: [1, 'fixed64'],
  severityNumber: [2, 'enum', severities],
  severityText: [3, 'string'],
  body: [5, 'message', anyValue],
  attributes: [6, 'messages', keyValue],
  droppedAttributesCount: [7, 'uint32'],
  flags: [8, 'fixed32'],
  traceId: [9, 'traceId'],
  spanId: [10, 'spanId'],
  observedTimeUnixNano: [11, 'fixed64'],
  eventName: [12, 'string'],
})

const event = new Shape('an event', 2).define({
  timeUnixNano: [1, 'fixed64'],
  name: [2, 'string'],
  attributes: [3, 'messages', keyValue],
  droppedAttributesCount: [4, 'uint32'],
})
const link = new Shape('a link', 1).define({
  traceId: [1, 'traceId'],
  spanId: [2, 'spanId'],
  traceState: [3, 'string'],
  attributes: [4, 'messages', keyValue],
  droppedAttributesCount: [5, 'uint32'],
  flags: [6, 'fixed32'],
})
const status = new Shape('a status', 1).define({ message: [2, 'string'], code: [3, 'enum', statusCodes] })
const span = new Shape('a span', 2).define({
  traceId: [1, 'ownTraceId'],
  spanId: [2, 'ownSpanId'],
  traceState: [3, 'string'],
  parentSpanId: [4, 'spanId'],
  name: [5, 'string'],
  kind: [6, 'enum', spanKinds],
  startTimeUnixNano: [7, 'fixed64'],
  endTimeUnixNano: [8, 'fixed64'],
  attributes: [9, 'messages', keyValue],
  droppedAttributesCount: [10, 'uint32'],
  events: [11, 'messages', event],
  droppedEventsCount: [12, 'uint32'],
  links: [13, 'messages', link],
  droppedLinksCount: [14, 'uint32'],
  status: [15, 'message', status],
  flags: [16, 'fixed32'],
})

const exemplar = new Shape('an exemplar', 1)
  .define({
    timeUnixNano: [2, 'fixed64'],
    asDouble: [3, 'double'],
    spanId: [4, 'spanId'],
    traceId: [5, 'traceId'],
    asInt: [6, 'sfixed64'],
    filteredAttributes: [7, 'messages', keyValue],
  })
  .exclusive('asDouble', 'asInt')
const times = { startTimeUnixNano: [2, 'fixed64'], timeUnixNano: [3, 'fixed64'] } as const
const numberPoint = new Shape('a data point', 2)
  .define({
    ...times,
    asDouble: [4, 'double'],
    exemplars: [5, 'messages', exemplar],
    asInt: [6, 'sfixed64'],
    attributes: [7, 'messages', keyValue],
    flags: [8, 'uint32'],
  })
  .exclusive('asDouble', 'asInt')
const histogramPoint = new Shape('a data point', 2).define({
  ...times,
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  bucketCounts: [6, 'fixed64s'],
  explicitBounds: [7, 'doubles'],
  exemplars: [8, 'messages', exemplar],
  attributes: [9, 'messages', keyValue],
  flags: [10, 'uint32'],
  min: [11, 'double'],
  max: [12, 'double'],
})
const buckets = new Shape('the buckets', 1).define({ offset: [1, 'sint32'], bucketCounts: [2, 'uint64s'] })
const expHistogramPoint = new Shape('a data point', 2).define({
  attributes: [1, 'messages', keyValue],
  ...times,
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  scale: [6, 'sint32'],
  zeroCount: [7, 'fixed64'],
  positive: [8, 'message', buckets],
  negative: [9, 'message', buckets],
  flags: [10, 'uint32'],
  exemplars: [11, 'messages', exemplar],
  min: [12, 'double'],
  max: [13, 'double'],
  zeroThreshold: [14, 'double'],
})
const quantile = new Shape('a quantile', 1).define({ quantile: [1, 'double'], value: [2, 'double'] })
const summaryPoint = new Shape('a data point', 2).define({
  ...times,
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  quantileValues: [6, 'messages', quantile],
  attributes: [7, 'messages', keyValue],
  flags: [8, 'uint32'],
})

const temporality = { aggregationTemporality: [2, 'enum', temporalities] } as const
const points = (shape: Shape) => ({ dataPoints: [1, 'records', shape] }) as const
const gauge = new Shape('a gauge', 4).define(points(numberPoint))
const sum = new Shape('a sum', 4).define({ ...points(numberPoint), ...temporality, isMonotonic: [3, 'bool'] })
const histogram = new Shape('a histogram', 4).define({ ...points(histogramPoint), ...temporality })
const expHistogram = new Shape('an exponential histogram', 4).define({ ...points(expHistogramPoint), ...temporality })
const summary = new Shape('a summary', 4).define(points(summaryPoint))
const metric = new Shape('a metric', 4)
  .define({
    name: [1, 'string'],
    description: [2, 'string'],
    unit: [3, 'string'],
    gauge: [5, 'group', gauge],
    sum: [7, 'group', sum],
    histogram: [9, 'group', histogram],
    exponentialHistogram: [10, 'group', expHistogram],
    summary: [11, 'group', summary],
  })
  .exclusive('gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary')

/** message Export…ServiceRequest { repeated Resource… = 1 } and what it holds, down to the lists of `items` */
function request(root: string, scopes: string, items: string, many: 'records' | 'groups', item: Shape): Shape {
  const schemaUrl = [3, 'string'] as const
  const inScope = new Shape(`an element of ${scopes}`, 4).define({
    scope: [1, 'message', scope],
    [items]: [2, many, item],
    schemaUrl,
  })
  const inResource = new Shape(`an element of ${root}`, 4).define({
    resource: [1, 'message', resource],
    [scopes]: [2, 'groups', inScope],
    schemaUrl,
  })
  return new Shape('the request', 4).define({ [root]: [1, 'groups', inResource] })
}

export const requests: Record<Signal, Shape> = {
  logs: request('resourceLogs', 'scopeLogs', 'logRecords', 'records', logRecord),
  traces: request('resourceSpans', 'scopeSpans', 'spans', 'records', span),
  metrics: request('resourceMetrics', 'scopeMetrics', 'metrics', 'groups', metric),
}
