import { Hono } from 'hono'
import { AppError, toAppError } from '../core/errors.ts'
import { type AppDeps, type Ctx, type Env, errorResponse } from './context.ts'
import { corsHeaders } from './post.ts'
import { routes } from './routes/index.ts'

/** Every route of the gateway, over web standards. */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new Hono<Env>()
  app.use(async (c, next) => {
    if (c.req.method === 'OPTIONS') return preflight(c, deps)
    await next()
    for (const [name, value] of Object.entries(corsHeaders({ header: n => c.req.header(n) }, deps.auth)))
      c.res.headers.set(name, value)
    return undefined
  })
  for (const register of Object.values(routes)) register(app, deps)
  app.notFound(c => errorResponse(new AppError('not_found', `there is no ${c.req.method} ${c.req.path}`)))
  app.onError(thrown => {
    const error = toAppError(thrown)
    if (error.code === 'internal') deps.log.error('gateway.request.fail', { error })
    return errorResponse(error)
  })
  return app
}

function preflight(c: Ctx, { auth }: AppDeps): Response {
  const origin = auth.allowedOrigin(c.req.header('origin'))
  if (origin === undefined)
    return errorResponse(
      new AppError(
        'forbidden',
        `the origin ${c.req.header('origin') ?? '(none)'} is not allowed: start the gateway with --cors ORIGIN`,
      ),
    )
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-allow-headers':
        'authorization, content-encoding, content-type, last-event-id, millrace-epoch, millrace-offset, millrace-stream, x-api-key',
      'access-control-max-age': '7200',
      vary: 'origin',
    },
  })
}
