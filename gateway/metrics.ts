import { defineMetrics } from '../core/telemetry/define.ts'
import { bounds, counter, gauge, histogram, upDownCounter } from '../core/telemetry/metric.ts'
import type { Registry } from '../core/telemetry/registry.ts'
import type { Store } from './store/store.ts'

const transports = ['http', 'websocket', 'millrace.v1', 'otlp-http', 'otlp-grpc'] as const
export type Transport = (typeof transports)[number]

export const ingestMetrics = defineMetrics('millrace.ingest', {
  events: counter({
    name: 'millrace.ingest.events',
    unit: '{event}',
    brief: 'Events by what became of them: stored, skipped as duplicates, or stored as dead letters.',
    labels: { transport: transports, outcome: ['accepted', 'duplicate', 'dead_letter'] },
  }),
  bytes: counter({
    name: 'millrace.ingest.io',
    unit: 'By',
    brief: 'Bytes of events, before storage.',
    labels: { transport: transports },
  }),
  refusals: counter({
    name: 'millrace.ingest.refusals',
    unit: '{request}',
    brief: 'Requests and sockets that were refused or failed, by the class of their status.',
    labels: {
      transport: transports,
      status: ['400', '401', '403', '409', '413', '415', '429', '500', '503', '507', 'other'],
    },
  }),
  latency: histogram({
    name: 'millrace.ingest.append.duration',
    unit: 's',
    brief: 'From handing events to the store until they are durable.',
    bounds: bounds.seconds,
  }),
  connections: upDownCounter({
    name: 'millrace.ingest.connections',
    unit: '{connection}',
    brief: 'WebSocket connections that are open.',
    labels: { transport: ['websocket', 'millrace.v1'] },
  }),
})

export const tailMetrics = defineMetrics('millrace.tail', {
  followers: upDownCounter({
    name: 'millrace.tail.followers',
    unit: '{connection}',
    brief: 'Live tails that are open.',
  }),
})

export const storeMetrics = defineMetrics('millrace.store', {
  queued: gauge({ name: 'millrace.store.queue.size', unit: 'By', brief: 'Bytes that wait for their commit.' }),
  queuedAppends: gauge({
    name: 'millrace.store.queue.appends',
    unit: '{append}',
    brief: 'Appends that wait for their commit.',
  }),
  commits: counter({
    name: 'millrace.store.commits',
    unit: '{commit}',
    brief: 'Durable commits; appends that arrive together share one.',
  }),
  appends: counter({ name: 'millrace.store.appends', unit: '{append}', brief: 'Appends in those commits.' }),
  events: counter({ name: 'millrace.store.events', unit: '{event}', brief: 'Events in those commits.' }),
  commitTime: counter({
    name: 'millrace.store.commit.time',
    unit: 's',
    brief: 'Time spent in commits, syncing to disk included.',
  }),
  healthy: gauge({
    name: 'millrace.store.healthy',
    unit: '1',
    brief: '1 where the store takes events, 0 where it fails.',
  }),
})

export type IngestMetrics = ReturnType<typeof registerIngest>
export type TailMetrics = ReturnType<typeof registerTail>
export const registerTail = (registry: Registry) => registry.register(tailMetrics)
export const registerIngest = (registry: Registry) => registry.register(ingestMetrics)

export function observeStore(registry: Registry, store: Store): void {
  const metrics = registry.register(storeMetrics)
  registry.observe(() => {
    const stats = store.stats()
    metrics.queued.set(stats.queuedBytes)
    metrics.queuedAppends.set(stats.queuedAppends)
    metrics.commits.advanceTo(stats.commits)
    metrics.appends.advanceTo(stats.appends)
    metrics.events.advanceTo(stats.events)
    metrics.commitTime.advanceTo(stats.commitSeconds)
    metrics.healthy.set(store.health().ok ? 1 : 0)
  })
}
