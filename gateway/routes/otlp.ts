import type { Hono } from 'hono'
import type { Signal } from '../../core/otlp/records.ts'
import type { AppDeps, Env } from '../context.ts'
import { postOtlp } from '../otlp/post.ts'
import { webExchange } from '../web/exchange.ts'

/** OTLP/HTTP over web standards; on Node the entry answers it before it comes here. */
export function otlp(app: Hono<Env>, deps: AppDeps): void {
  for (const signal of ['logs', 'traces', 'metrics'] satisfies Signal[])
    app.post(`/v1/${signal}`, c => {
      const { exchange, response } = webExchange(c.req.raw, c.env?.remoteAddr ?? '')
      void postOtlp(exchange, deps.post, signal)
      return response
    })
}
