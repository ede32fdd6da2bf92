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
  app.notFound(c => {
    const allowed = methodsOf(app, c.req.path)
    if (allowed.length === 0)
      return errorResponse(new AppError('not_found', `there is no ${c.req.method} ${c.req.path}`))
    const allow = allowed.join(', ')
    const response = errorResponse(
      new AppError('method_not_allowed', `${c.req.path} does not take ${c.req.method}: it takes ${allow}`),
    )
    response.headers.set('allow', allow)
    return response
  })
  app.onError(thrown => {
    const error = toAppError(thrown)
    if (error.code === 'internal') deps.log.error('gateway.request.fail', { error })
    return errorResponse(error)
  })
  return app
}

/** The methods that a path has a route for; Hono answers HEAD by that of GET. */
function methodsOf(app: Hono<Env>, path: string): string[] {
  const has = (method: string) => app.router.match(method, path)[0].some(([[, route]]) => route.method === method)
  return ['GET', 'HEAD', 'POST', 'DELETE'].filter(method => has(method === 'HEAD' ? 'GET' : method))
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
