import type { Context } from 'hono'
import { AppError } from '../core/errors.ts'
import type { FramerOptions } from '../core/framing/framing.ts'
import type { Jobs } from '../core/jobs.ts'
import type { Log } from '../core/telemetry/event.ts'
import type { Registry } from '../core/telemetry/registry.ts'
import type { Auth, Identity } from './auth.ts'
import { queryParam } from './decode.ts'
import { errorBody, errorHeaders } from './exchange.ts'
import type { Ingest } from './ingest.ts'
import type { IngestMetrics, TailMetrics } from './metrics.ts'
import type { OtlpPostDeps } from './otlp/post.ts'
import type { QueryLimits, Scope, Store } from './store/store.ts'

/** What the routes stand on; made by the entry of each runtime. */
export interface AppDeps {
  store: Store
  auth: Auth
  ingest: Ingest
  registry: Registry
  metrics: IngestMetrics
  tailMetrics: TailMetrics
  log: Log
  post: OtlpPostDeps
  framing: Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'>
  query: QueryLimits
  tail: TailTimes
  /** where the gateway is reached, for the page at `/` */
  url: () => string
  /** scheduled jobs; undefined where this process runs none */
  jobs: () => Jobs | undefined
  /** metrics of what runs beside the gateway, in the Prometheus text format; default none */
  moreMetrics?: (() => string) | undefined
  /** aborts when the gateway stops */
  stopSignal: AbortSignal
}

export interface TailTimes {
  /** a comment goes out after this long without an event, so that proxies and clients know the line is alive; ms */
  heartbeatMs: number
  /** a follower that takes nothing for this long is cut off; ms */
  slowMs: number
}

/** `remoteAddr` is given by the entry; web standards do not know it. */
export type Env = { Bindings: { remoteAddr?: string } | undefined }
export type Ctx = Context<Env>

export function errorResponse(error: AppError): Response {
  return new Response(`${JSON.stringify(errorBody(error))}\n`, { status: error.status, headers: errorHeaders(error) })
}

/** Throws unless the request may do what needs one of `scopes`. */
export function authorize(c: Ctx, deps: AppDeps, ...scopes: Scope[]): Identity {
  return deps.auth.authorize(
    {
      header: name => c.req.header(name),
      headerNames: () => c.req.raw.headers.keys(),
      queryToken: queryValue(c, 'token'),
    },
    ...scopes,
  )
}

/** Throws `bad_request` that names the parameter where its encoding is broken, which Hono would take as it stands. */
export function queryValue(c: Ctx, name: string): string | undefined {
  const { url } = c.req
  const mark = url.indexOf('?')
  return mark < 0 ? undefined : queryParam(url.slice(mark + 1), name)
}

/** bytes of a query or an admin request */
const jsonBodyMost = 1024 * 1024

/** The body of a query or an admin request: `application/json` only, so that no web page can send it unasked. */
export async function jsonBody(c: Ctx): Promise<Record<string, unknown>> {
  const type = c.req.header('content-type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new AppError('unsupported_media_type', `the Content-Type is ${JSON.stringify(type)}: send application/json`)
  const length = Number(c.req.header('content-length') ?? Number.NaN)
  if (!(length <= jsonBodyMost))
    throw new AppError('body_too_large', `the body needs a Content-Length of at most ${jsonBodyMost} bytes`)
  let body: unknown
  try {
    body = await c.req.json()
  } catch (error) {
    throw new AppError('bad_request', `the body is not JSON: ${(error as Error).message}`, {}, error)
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new AppError('bad_request', 'the body is not a JSON object')
  return body as Record<string, unknown>
}

/** A whole number of the query string within bounds, or `otherwise`. */
export function wholeNumber(c: Ctx, name: string, otherwise: number, most: number, least = 0): number {
  const text = queryValue(c, name)
  if (text === undefined) return otherwise
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value) || value > most || value < least)
    throw new AppError(
      'bad_request',
      `${name} is ${JSON.stringify(text)}: it can be a whole number of ${least} to ${most}`,
    )
  return value
}
