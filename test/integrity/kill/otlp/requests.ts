import { encodeRequest } from '../../../support/otlp.ts'
import { labelOf, markOf, type Plan, planOf, timeOf } from './plan.ts'

/** The requests of a plan, in the forms that go over HTTP and unary gRPC. */

export type Format = 'protobuf' | 'json' | 'ndjson'

export const contentTypes: Record<Format, string> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
}

export function bodyOf(lane: string, request: number, format: Format): Uint8Array {
  const plan = planOf(lane, request)
  const records = recordsOf(lane, request, plan)
  if (format === 'protobuf') return encodeRequest(plan.signal, envelope(plan, records))
  if (format === 'json') return Buffer.from(json(envelope(plan, records)))
  // a few envelopes, one a line
  const size = 1 + Math.floor(plan.rnd() * 20)
  const lines: string[] = []
  for (let at = 0; at < records.length; at += size) lines.push(json(envelope(plan, records.slice(at, at + size))))
  return Buffer.from(`${lines.join('\n')}\n`)
}

/** the same for all copies of the record */
export const padOf = (request: number, index: number): string => 'x'.repeat(((request + index) * 7919) % 211)

function recordsOf(lane: string, request: number, plan: Plan): object[] {
  return Array.from({ length: plan.records }, (_, index) => {
    const mark = markOf(lane, request, index, plan.records)
    const time = String(timeOf(request, index))
    const attributes = [
      { key: 'mark', value: { stringValue: mark } },
      { key: 'pad', value: { stringValue: padOf(request, index) } },
    ]
    const bad = index === plan.bad
    return makers[plan.signal]({ index, time, label: labelOf(request), attributes, bad })
  })
}

interface Made {
  index: number
  time: string
  label: string
  attributes: object[]
  bad: boolean
}

const idOf = (index: number, width: number) => new Uint8Array(width).fill(1 + (index % 255))
/** of the wrong width where the record is to be refused */
const traceIdOf = (index: number, bad: boolean) => idOf(index, bad ? 5 : 16)

const makers: { [signal in Plan['signal']]: (made: Made) => object } = {
  logs: ({ index, time, label, attributes, bad }) => ({
    timeUnixNano: time,
    severityNumber: 9,
    severityText: label,
    body: { stringValue: 'a line' },
    attributes,
    traceId: traceIdOf(index, bad),
  }),
  traces: ({ index, time, label, attributes, bad }) => ({
    traceId: traceIdOf(index, bad),
    spanId: idOf(index, 8),
    name: label,
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes,
  }),
  metrics: ({ index, time, label, attributes, bad }) => {
    const point = { timeUnixNano: time, attributes }
    const number = {
      ...point,
      asInt: String(index),
      exemplars: bad ? [{ asInt: '1', traceId: idOf(index, 5), spanId: idOf(index, 8) }] : [],
    }
    const kinds = [
      { gauge: { dataPoints: [number] } },
      { sum: { aggregationTemporality: 2, dataPoints: [number] } },
      { histogram: { aggregationTemporality: 2, dataPoints: [{ ...point, count: '3', sum: 6 }] } },
      { exponentialHistogram: { aggregationTemporality: 1, dataPoints: [{ ...point, count: '3', scale: 1 }] } },
      { summary: { dataPoints: [{ ...point, count: '3', sum: 6 }] } },
    ]
    return { name: label, ...kinds[bad ? 0 : index % 5] }
  },
}

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'producer' } }] }
const scope = { name: 'kill', version: '1' }

function envelope({ signal }: Plan, records: object[]): object {
  if (signal === 'logs') return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: records }] }] }
  if (signal === 'traces') return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: records }] }] }
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: records }] }] }
}

/** proto3 JSON: the only bytes are ids, which OTLP writes in hex */
const json = (request: object): string =>
  JSON.stringify(request, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value))
