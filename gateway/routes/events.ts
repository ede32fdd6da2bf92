import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import type { AppDeps, Ctx, Env } from '../context.ts'
import { post } from '../post.ts'
import { webExchange } from '../web/exchange.ts'

/** `POST /` and `POST /v1/events` over web standards; on Node the entry answers them before they come here. */
export function events(app: Hono<Env>, deps: AppDeps): void {
  const answer = (bareCount: boolean, arrays: boolean) => (c: Ctx) => {
    const { exchange, response } = webExchange(c.req.raw, c.env?.remoteAddr ?? '')
    void post(exchange, deps.post, { bareCount, arrays })
    return response
  }
  app.post('/', answer(true, false))
  app.post('/v1/events', answer(false, true))
  app.get('/v1/events', () => {
    throw new AppError('bad_request', 'GET /v1/events is a WebSocket: send Upgrade: websocket, or POST events here')
  })
}
