import type { Hono } from 'hono'
import { prometheusText } from '../../core/telemetry/prometheus.ts'
import { type AppDeps, authorize, type Env } from '../context.ts'

export function metrics(app: Hono<Env>, deps: AppDeps): void {
  app.get('/metrics', c => {
    authorize(c, deps, 'read')
    const text = prometheusText(deps.registry) + (deps.moreMetrics?.() ?? '')
    return c.body(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
}
