import { createHash } from 'node:crypto'
import type { Hono } from 'hono'
import { createLog } from '../core/telemetry/event.ts'
import { createRegistry } from '../core/telemetry/registry.ts'
import { type Auth, createAuth } from './auth.ts'
import type { AppDeps, Env, TailTimes } from './context.ts'
import type { OtlpPostDeps } from './otlp/post.ts'
import { openMemory } from './store/memory/memory.ts'
import type { Store } from './store/store.ts'
import { wire } from './wire.ts'

export interface TestApp {
  app: Hono<Env>
  post: OtlpPostDeps
  store: Store
  auth: Auth
  stop: AbortController
  close(): Promise<void>
}

/** The routes over web standards and a store in memory: no port is opened. */
export async function createTestApp(
  tail: TailTimes = { heartbeatMs: 15_000, slowMs: 30_000 },
  jobs?: AppDeps['jobs'],
): Promise<TestApp> {
  const store = await openMemory()
  const auth = createAuth({
    cors: ['https://app.example'],
    noAuth: false,
    loopback: true,
    sha256: text => createHash('sha256').update(text).digest(),
  })
  const { app, deps, post, stop } = wire({
    store,
    auth,
    registry: createRegistry(),
    log: createLog({ level: 'silent', write: () => {} }),
    framing: {},
    maxBodyBytes: 1 << 20,
    queueBytes: 1 << 20,
    stallMs: 1000,
    query: { ms: 1000, bytes: 1 << 20, rows: 10 },
    tail,
    jobs,
    url: () => 'http://127.0.0.1:4318',
    sha256: bytes => createHash('sha256').update(bytes).digest(),
  })
  return {
    app,
    post,
    store,
    auth,
    stop,
    async close() {
      deps.ingest.close()
      await store.close()
    },
  }
}
