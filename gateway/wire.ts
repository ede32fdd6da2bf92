import type { Hono } from 'hono'
import { AppError } from '../core/errors.ts'
import type { Log } from '../core/telemetry/event.ts'
import type { Registry } from '../core/telemetry/registry.ts'
import { createApp } from './app.ts'
import type { Auth } from './auth.ts'
import type { AppDeps, Env } from './context.ts'
import { createIngest } from './ingest.ts'
import { observeStore, registerIngest, registerTail } from './metrics.ts'
import { type Connections, createConnections } from './otlp/connections.ts'
import { createHeld } from './otlp/held.ts'
import { createIntake } from './otlp/intake.ts'
import type { OtlpPostDeps } from './otlp/post.ts'
import type { Store } from './store/store.ts'

/** What differs between the runtimes, and between the gateway and its tests. */
export interface WireOptions extends Pick<AppDeps, 'query' | 'tail' | 'url' | 'framing'> {
  store: Store
  auth: Auth
  registry: Registry
  log: Log
  /** inflated bytes of one body */
  maxBodyBytes: number
  /** bytes that may wait for their commit */
  queueBytes: number
  stallMs: number
  /** bytes of OpenTelemetry requests that may be held at once; default twice `maxBodyBytes` */
  heldBytes?: number
  /** resource attributes that have a column of their own, as the store was told; default none */
  promote?: readonly string[]
  /** asked at each request, since jobs may begin after the gateway; default none */
  jobs?: AppDeps['jobs'] | undefined
  moreMetrics?: AppDeps['moreMetrics']
  sha256: (bytes: Uint8Array) => Uint8Array
}

export interface Wired {
  app: Hono<Env>
  deps: AppDeps
  /** what a POST needs, and so does every other way in */
  post: OtlpPostDeps
  /** where requests of OpenTelemetry data that name no stream go */
  connections: Connections
  /** aborted, nothing new is taken */
  stop: AbortController
}

/** What the rows of a request may take in memory: so much for each byte of the largest body, and no more than 1 GiB. */
const rowBytesPerByte = 16
const rowBytesMost = 1024 * 1024 * 1024

/** The gateway without a runtime: routes and write path over a store that is open. */
export function wire(options: WireOptions): Wired {
  const { store, auth, registry, log, framing, query, tail, url } = options
  store.watchTokens(tokens => auth.setTokens(tokens))
  const metrics = registerIngest(registry)
  observeStore(registry, store)
  const ingest = createIngest({ store, metrics, queueBytes: options.queueBytes, stallMs: options.stallMs })
  const stop = new AbortController()
  const held = createHeld(options.heldBytes ?? 2 * options.maxBodyBytes)
  const connections = createConnections((streamId, at) => store.closeStream(streamId, at))
  const post: OtlpPostDeps = {
    auth,
    ingest,
    metrics,
    stopping: () =>
      stop.signal.aborted ? new AppError('stopping', 'the gateway is shutting down', { retryAfter: 2 }) : undefined,
    framing,
    maxBodyBytes: options.maxBodyBytes,
    log: error => log.debug('gateway.request.refuse', { code: error.code, message: error.message }),
    intake: createIntake({
      ingest,
      connections,
      held,
      decode: {
        promote: options.promote ?? [],
        maxRecordBytes: framing.maxEventBytes,
        maxMemory: Math.min(rowBytesMost, rowBytesPerByte * options.maxBodyBytes),
      },
      sha256: options.sha256,
    }),
    held,
  }
  const tailMetrics = registerTail(registry)
  const deps: AppDeps = {
    store,
    auth,
    ingest,
    registry,
    metrics,
    tailMetrics,
    log,
    post,
    framing,
    query,
    tail,
    url,
    jobs: options.jobs ?? (() => undefined),
    moreMetrics: options.moreMetrics,
    stopSignal: stop.signal,
  }
  return { app: createApp(deps), deps, post, connections, stop }
}
