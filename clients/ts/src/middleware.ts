import { createLog, type RequestLogOptions } from './middleware-event.ts'
import { type NodeRequest, type NodeResponse, watchNode } from './middleware-node.ts'
import type { Client } from './types.ts'

export type { RequestEvent, RequestLogOptions } from './middleware-event.ts'

/** What is used of a Hono context. */
export interface HonoContext {
  req: {
    method: string
    url: string
    path: string
    header(name: string): string | undefined
    raw: { signal?: AbortSignal }
  }
  readonly finalized: boolean
  readonly res: { status: number; headers: { get(name: string): string | null } }
  readonly error: Error | undefined
  env: unknown
}

/**
 * For `app.use(hono(client))`: one event for each request, once its response has gone out (on Node) or is made
 * (elsewhere). The client never holds up a request: without room in it the event is only counted, in `stats().refused`.
 */
export function hono<C extends HonoContext = HonoContext>(
  client: Client,
  options: RequestLogOptions<C> = {},
): (c: C, next: () => Promise<void>) => Promise<void> {
  const log = createLog(client, options)
  return async function requestLog(c, next) {
    const { incoming, outgoing } = (c.env ?? {}) as { incoming?: NodeRequest; outgoing?: NodeResponse }
    const { method, path, url, raw } = c.req
    const request = log.begin({
      method,
      path,
      url,
      header: name => c.req.header(name),
      address: () => incoming?.socket.remoteAddress,
    })
    if (outgoing !== undefined) watchNode(outgoing, result => request.end(result, c))
    try {
      await next()
      request.failed(c.error)
    } catch (error) {
      request.failed(error)
      throw error
    } finally {
      if (outgoing === undefined) {
        // `res` of a context that has none makes one
        const res = c.finalized ? c.res : undefined
        const isAborted = raw.signal?.aborted === true
        request.end({ status: res?.status, length: res?.headers.get('content-length'), isAborted }, c)
      }
    }
  }
}

/** What is used of an Express request; a plain Node request has all that is needed, too. */
export interface ExpressRequest extends NodeRequest {
  method?: string | undefined
  url?: string | undefined
  originalUrl?: string
  ip?: string | undefined
}

type Next = (error?: unknown) => void
export interface ExpressLog<Req> {
  (req: Req, res: NodeResponse, next: Next): void
  /** For `app.use(log.errors)` behind the routes: the errors are in the events, too. Hands each on. */
  errors(error: unknown, req: Req, res: NodeResponse, next: Next): void
}

/** For `app.use(express(client))`, before the routes. As `hono`; `options.ip` is Express's `req.ip`. */
export function express<Req extends ExpressRequest = ExpressRequest>(
  client: Client,
  options: RequestLogOptions<Req> = {},
): ExpressLog<Req> {
  const log = createLog(client, options)
  const failures = new WeakMap<object, (error: unknown) => void>()
  function requestLog(req: Req, res: NodeResponse, next: Next): void {
    const { method = '' } = req
    const url = req.originalUrl ?? req.url ?? ''
    const request = log.begin({
      method,
      path: url.replace(/[?#].*$/s, ''),
      url,
      header: name => text(req.headers[name]),
      address: () => req.ip ?? req.socket.remoteAddress,
    })
    failures.set(req, request.failed)
    watchNode(res, result => request.end(result, req))
    next()
  }
  return Object.assign(requestLog, {
    errors(error: unknown, req: Req, _res: NodeResponse, next: Next) {
      failures.get(req)?.(error)
      next(error)
    },
  })
}

const text = (value: string | readonly string[] | undefined) => (typeof value === 'string' ? value : value?.join(', '))
