import type { Hono } from 'hono'
import type { AppDeps, Env } from '../context.ts'

/** Liveness and readiness, open to everybody: they tell nothing about the data. */
export function health(app: Hono<Env>, deps: AppDeps): void {
  app.get('/healthz', c => c.json({ status: 'ok' }))
  app.get('/readyz', c => {
    const store = deps.store.health()
    const stalled = deps.ingest.stalled()
    if (deps.stopSignal.aborted) return c.json({ status: 'stopping', reason: 'the gateway is shutting down' }, 503)
    if (!store.ok) return c.json({ status: store.code, reason: store.reason }, 503)
    if (stalled !== undefined) return c.json({ status: stalled.code, reason: stalled.message }, 503)
    return c.json({ status: 'ready' })
  })
}
