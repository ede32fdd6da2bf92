import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineMetrics } from './define.ts'
import { counter, gauge, histogram, upDownCounter } from './metric.ts'
import { otlpJson } from './otlp.ts'
import { createRegistry } from './registry.ts'

const app = defineMetrics('app', {
  events: counter({ name: 'app.events', unit: '{event}', brief: 'Events.', labels: { outcome: ['accepted', 'lost'] } }),
  busy: counter({ name: 'app.busy', unit: 's', brief: 'Time at work.' }),
  open: upDownCounter({ name: 'app.open', unit: '{connection}', brief: 'Open connections.' }),
  fill: gauge({ name: 'app.fill', unit: '1', brief: 'How full it is.' }),
  size: histogram({ name: 'app.size', unit: 'By', brief: 'Sizes.', bounds: [10, 100] }),
})

const start = 1_700_000_000_000_000_001n
const now = 1_700_000_060_000_000_002n
const times = { startTimeUnixNano: '1700000000000000001', timeUnixNano: '1700000060000000002' }
const outcome = (stringValue: string) => ({ key: 'outcome', value: { stringValue } })

test('an export is a cumulative ExportMetricsServiceRequest, with 64-bit integers as strings', () => {
  const registry = createRegistry({ resource: { 'service.name': 'millrace' } })
  const { events, busy, open, fill, size } = registry.register(app)
  events.with({ outcome: 'accepted' }).add(Number.MAX_SAFE_INTEGER)
  busy.add(2)
  open.add(-2)
  fill.set(0.5)
  for (const bytes of [10, 11, 1000]) size.record(bytes)
  assert.deepEqual(JSON.parse(otlpJson(registry, now, start)), {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'millrace' } }] },
        scopeMetrics: [
          {
            scope: { name: 'app' },
            metrics: [
              {
                name: 'app.events',
                description: 'Events.',
                unit: '{event}',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: [{ attributes: [outcome('accepted')], ...times, asInt: '9007199254740991' }],
                },
              },
              {
                name: 'app.busy',
                description: 'Time at work.',
                unit: 's',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: [{ attributes: [], ...times, asDouble: 2 }],
                },
              },
              {
                name: 'app.open',
                description: 'Open connections.',
                unit: '{connection}',
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: false,
                  dataPoints: [{ attributes: [], ...times, asInt: '-2' }],
                },
              },
              {
                name: 'app.fill',
                description: 'How full it is.',
                unit: '1',
                gauge: { dataPoints: [{ attributes: [], ...times, asDouble: 0.5 }] },
              },
              {
                name: 'app.size',
                description: 'Sizes.',
                unit: 'By',
                histogram: {
                  aggregationTemporality: 2,
                  dataPoints: [
                    {
                      attributes: [],
                      ...times,
                      count: '3',
                      sum: 1021,
                      bucketCounts: ['1', '1', '1'],
                      explicitBounds: [10, 100],
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  })
})

interface Exported {
  resourceMetrics: {
    scopeMetrics: { metrics: { name: string; sum?: { dataPoints: Record<string, unknown>[] } }[] }[]
  }[]
}

function busyPoint(text: string): Record<string, unknown> | undefined {
  const exported: Exported = JSON.parse(text)
  const metrics = exported.resourceMetrics[0]?.scopeMetrics[0]?.metrics
  return metrics?.find(({ name }) => name === 'app.busy')?.sum?.dataPoints[0]
}

test('values go on from export to export, and the start stays', () => {
  const registry = createRegistry()
  const { busy } = registry.register(app)
  busy.add(1)
  assert.deepEqual(busyPoint(otlpJson(registry, now, start)), { attributes: [], ...times, asDouble: 1 })
  busy.add(2)
  const later = { ...times, timeUnixNano: String(now + 1n) }
  assert.deepEqual(busyPoint(otlpJson(registry, now + 1n, start)), { attributes: [], ...later, asDouble: 3 })
})

test('a clock that was set back does not end the interval before its start', () => {
  const registry = createRegistry()
  registry.register(app)
  assert.equal(busyPoint(otlpJson(registry, start - 5n, start))?.timeUnixNano, String(start))
})

test('a fraction of something counted, and a number past 2^53, are exported as doubles', () => {
  const registry = createRegistry()
  const { events, open } = registry.register(app)
  events.with({ outcome: 'accepted' }).add(2 ** 60)
  open.add(0.5)
  const text = otlpJson(registry, now, start)
  assert.match(text, /"asDouble":1152921504606847000/)
  assert.match(text, /"asDouble":0.5/)
})

test('nothing to export is a request without scopes', () => {
  assert.equal(
    otlpJson(createRegistry(), now, start),
    '{"resourceMetrics":[{"resource":{"attributes":[]},"scopeMetrics":[]}]}',
  )
})
