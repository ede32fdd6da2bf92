import { createHash } from 'node:crypto'
import type { Hono } from 'hono'
import { createLog } from '../core/telemetry/event.ts'
import { createRegistry } from '../core/telemetry/registry.ts'
import { createApp } from './app.ts'
import { type Auth, createAuth } from './auth.ts'
import type { Env, TailTimes } from './context.ts'
import { createIngest } from './ingest.ts'
import { observeStore, registerIngest, registerTail } from './metrics.ts'
import { openMemory } from './store/memory/memory.ts'
import type { Store } from './store/store.ts'

export interface TestApp {
  app: Hono<Env>
  store: Store
  auth: Auth
  stop: AbortController
  close(): Promise<void>
}

/** The routes over web standards and a store in memory: no port is opened. */
export async function createTestApp(tail: TailTimes = { heartbeatMs: 15_000, slowMs: 30_000 }): Promise<TestApp> {
  const store = await openMemory()
  const auth = createAuth({
    cors: ['https://app.example'],
    noAuth: false,
    loopback: true,
    sha256: text => createHash('sha256').update(text).digest(),
  })
  store.watchTokens(tokens => auth.setTokens(tokens))
  const registry = createRegistry()
  const metrics = registerIngest(registry)
  observeStore(registry, store)
  const ingest = createIngest({ store, metrics, queueBytes: 1 << 20, stallMs: 1000 })
  const stop = new AbortController()
  const log = createLog({ level: 'silent', write: () => {} })
  const app = createApp({
    store,
    auth,
    ingest,
    registry,
    metrics,
    tailMetrics: registerTail(registry),
    log,
    post: { auth, ingest, metrics, stopping: () => undefined, framing: {}, maxBodyBytes: 1 << 20, log: () => {} },
    framing: {},
    query: { ms: 1000, bytes: 1 << 20, rows: 10 },
    tail,
    url: () => 'http://127.0.0.1:4318',
    stopSignal: stop.signal,
  })
  return {
    app,
    store,
    auth,
    stop,
    async close() {
      ingest.close()
      await store.close()
    },
  }
}
