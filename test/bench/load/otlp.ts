import type { Signal } from '../../../core/otlp/records.ts'
import { encodeRequest } from '../../support/otlp.ts'
import { seeded } from './events.ts'

/** OTLP requests as instrumented services send them: about ten attributes a record, everything but their keys different. */

const start = 1_800_000_000_000_000_000n
/** of every data point */
export const pointTime = start + 60_000_000_000n

type Value = string | number | boolean
const values = {
  string: (value: Value) => ({ stringValue: value }),
  number: (value: Value) => (Number.isInteger(value) ? { intValue: value } : { doubleValue: value }),
  boolean: (value: Value) => ({ boolValue: value }),
}
const attributes = (pairs: Record<string, Value>) =>
  Object.entries(pairs).map(([key, value]) => ({
    key,
    value: values[typeof value as keyof typeof values](value),
  }))

const resource = {
  attributes: attributes({
    'service.name': 'checkout',
    'service.namespace': 'shop',
    'service.instance.id': 'checkout-7d9f-xk2p',
    'host.name': 'node-17',
    'k8s.pod.name': 'checkout-7d9f-xk2p',
    'telemetry.sdk.language': 'go',
    'telemetry.sdk.version': '1.34.0',
  }),
}
const scope = { name: 'com.shop.checkout', version: '1.2.0' }

/** One request of `records` records, or data points; the same bytes for the same seed. */
export function otlpRequest(signal: Signal, records: number, seed: number): Uint8Array {
  const random = seeded(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(from: readonly T[]) => from[below(from.length)]!
  const bytes = (length: number) => Uint8Array.from({ length }, () => 1 + below(255))
  const time = (k: number) => String(start + BigInt(k) * 1_000_000n + BigInt(below(1_000_000)))
  const list = <T>(length: number, make: (k: number) => T) => Array.from({ length }, (_, k) => make(k))

  const call = () =>
    attributes({
      'http.request.method': pick(['GET', 'POST', 'PUT']),
      'url.path': `/api/v1/orders/${below(1_000_000)}`,
      'http.response.status_code': pick([200, 201, 404, 500]),
      'client.address': `10.0.${below(256)}.${below(256)}`,
      'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
      'http.server.request.duration': below(100_000) / 1000 + 0.0005,
      'feature.flag': random() < 0.5,
      'thread.name': `worker-${below(16)}`,
      'code.line.number': below(2000),
      'code.function.name': 'com.shop.checkout.OrderService.place',
    })
  const log = (k: number) => ({
    timeUnixNano: time(k),
    observedTimeUnixNano: time(k),
    severityNumber: pick([9, 13, 17]),
    severityText: pick(['INFO', 'WARN', 'ERROR']),
    body: { stringValue: `order ${below(1_000_000)} placed by customer ${below(100_000)} with ${below(9)} items` },
    attributes: call(),
    traceId: bytes(16),
    spanId: bytes(8),
    flags: 1,
  })
  const span = (k: number) => ({
    traceId: bytes(16),
    spanId: bytes(8),
    parentSpanId: bytes(8),
    name: pick(['GET /orders', 'POST /orders', 'SELECT orders']),
    kind: 1 + below(5),
    startTimeUnixNano: time(k),
    endTimeUnixNano: time(k + below(100)),
    attributes: call(),
    events:
      k % 4 === 0
        ? [{ timeUnixNano: time(k), name: 'exception', attributes: attributes({ 'exception.type': 'TimeoutError' }) }]
        : [],
    status: { code: below(3) },
  })
  const point = (k: number) => ({
    startTimeUnixNano: String(start),
    timeUnixNano: String(pointTime),
    attributes: attributes({ cpu: `cpu${k % 16}`, state: pick(['user', 'system', 'idle', 'wait']) }),
  })
  /** a quarter each of sums, gauges, histograms and exponential histograms, 40 points in a metric */
  const metric = (m: number) => {
    const dataPoints = list(Math.min(40, records - 40 * m), point)
    const named = { name: `shop.metric.${m}`, description: 'one of many', unit: 's' }
    const counted = { count: 100, sum: below(1_000_000) / 1000, min: 0.1, max: 9 }
    const counts = (length: number) => list(length, () => below(50))
    if (m % 4 === 0)
      return {
        ...named,
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: dataPoints.map(p => ({ ...p, asDouble: random() })),
        },
      }
    if (m % 4 === 1) return { ...named, gauge: { dataPoints: dataPoints.map(p => ({ ...p, asInt: below(1e9) })) } }
    if (m % 4 === 2) {
      const explicitBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
      const filled = dataPoints.map(p => ({ ...p, ...counted, explicitBounds, bucketCounts: counts(15) }))
      return { ...named, histogram: { aggregationTemporality: 2, dataPoints: filled } }
    }
    const filled = dataPoints.map(p => ({
      ...p,
      ...counted,
      scale: 3,
      positive: { offset: 2, bucketCounts: counts(20) },
    }))
    return { ...named, exponentialHistogram: { aggregationTemporality: 1, dataPoints: filled } }
  }

  const request = {
    logs: () => ({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: list(records, log) }] }] }),
    traces: () => ({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: list(records, span) }] }] }),
    metrics: () => ({
      resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: list(Math.ceil(records / 40), metric) }] }],
    }),
  }[signal]()
  return encodeRequest(signal, request)
}
