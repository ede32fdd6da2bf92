import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import { AppError, toAppError } from '../../core/errors.ts'
import type { GatewayConfig } from '../config.ts'
import { type Env, errorResponse } from '../context.ts'
import { errorBody, errorHeaders } from '../exchange.ts'
import { type OtlpPostDeps, postOtlp } from '../otlp/post.ts'
import { post } from '../post.ts'
import { carries, inFlight } from './connections.ts'
import { NodeExchange } from './exchange.ts'
import { readTarget } from './target.ts'

/** The routes that step below the web streams: measured 3 to 8 times as fast for a POST. */
const hot: Record<string, HotRoute> = {
  '/': (exchange, deps) => post(exchange, deps, { bareCount: true, arrays: false }),
  '/v1/events': (exchange, deps) => post(exchange, deps, { bareCount: false, arrays: true }),
  '/v1/logs': (exchange, deps) => postOtlp(exchange, deps, 'logs'),
  '/v1/traces': (exchange, deps) => postOtlp(exchange, deps, 'traces'),
  '/v1/metrics': (exchange, deps) => postOtlp(exchange, deps, 'metrics'),
}
type HotRoute = (exchange: NodeExchange, deps: OtlpPostDeps) => Promise<void>

/** How long headers may take, and how often that is looked at; ms. */
const headerTimes = { most: 30_000, every: 5000 }

/** How long the sender of what is no HTTP may take to read so; ms. */
const refusalMs = 1000

export function createHttpServer(
  app: Hono<Env>,
  deps: OtlpPostDeps,
  config: GatewayConfig,
  times: typeof headerTimes = headerTimes,
): Server {
  const rest = getRequestListener(
    (request, env) => app.fetch(request, { remoteAddr: env.incoming.socket.remoteAddress ?? '' }),
    {
      overrideGlobalObjects: false,
      // for URLs only: HTTP/1.0 has no Host, and who may ask is judged by the header
      hostname: 'gateway',
      errorHandler: error =>
        errorResponse(
          error instanceof RequestError
            ? new AppError('bad_request', `the request has no valid URL: ${error.message}`)
            : toAppError(error),
        ),
    },
  )
  const exchangeOf = (incoming: IncomingMessage, outgoing: ServerResponse, waits: boolean) =>
    new NodeExchange(incoming, outgoing, { maxBytes: deps.maxBodyBytes, waits })
  const refuse = (incoming: IncomingMessage, outgoing: ServerResponse, error: AppError) =>
    exchangeOf(incoming, outgoing, false).respond(
      error.status,
      errorHeaders(error),
      `${JSON.stringify(errorBody(error))}\n`,
    )
  /** `waits`: with its body, for a 100 */
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse, waits: boolean): void => {
    carries(outgoing)
    const bad = readTarget(incoming)
    const route = incoming.method === 'POST' ? hotRoute(incoming.url) : undefined
    if (bad !== undefined) refuse(incoming, outgoing, bad)
    else if (route !== undefined) void route(exchangeOf(incoming, outgoing, waits), deps)
    else {
      if (waits) outgoing.writeContinue()
      void rest(incoming, outgoing)
    }
  }
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => answer(incoming, outgoing, false)
  const options = {
    maxHeaderSize: config.limits.headers,
    requestTimeout: 0,
    headersTimeout: times.most,
    connectionsCheckingInterval: times.every,
    // told in our words by `readTarget`
    requireHostHeader: false,
    keepAliveTimeout: 30_000,
    // a long POST may rest between its events; peers that are gone are found by TCP
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    // Java's client offers h2c with every request: only a WebSocket is an upgrade here (Node 24.9; older ones refuse it)
    shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket',
    noDelay: true,
  }
  const server =
    config.tls.cert === undefined
      ? createServer(options, listener)
      : createTlsServer({ ...options, ...tlsOptions(config.tls) }, listener)
  server.maxConnections = config.limits.sockets
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => answer(incoming, outgoing, true))
  server.on('checkExpectation', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    carries(outgoing)
    const expect = JSON.stringify(incoming.headers.expect)
    refuse(incoming, outgoing, new AppError('bad_request', `the Expect ${expect} is not known: it can be 100-continue`))
  })
  server.on('clientError', refuseRaw)
  return server
}

function hotRoute(url = '/'): HotRoute | undefined {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  return hot[path] ?? hot[normalPath(path)]
}

/** As the other routes see it: without dot segments, decoded. */
export function normalPath(path: string): string {
  try {
    return decodeURI(new URL(`http://gateway${path}`).pathname)
  } catch {
    // no route has such a path: the app says so
    return path
  }
}

export function tlsOptions({ cert, key, client_ca }: GatewayConfig['tls']): TlsOptions {
  const read = (what: string, path: string): Buffer => {
    try {
      return readFileSync(path)
    } catch (error) {
      throw new AppError(
        'bad_request',
        `the TLS ${what} ${path} cannot be read: ${(error as Error).message}`,
        {},
        error,
      )
    }
  }
  return {
    cert: read('certificate', cert!),
    key: read('private key', key!),
    minVersion: 'TLSv1.2',
    ...(client_ca === undefined
      ? {}
      : { ca: read('client CA', client_ca), requestCert: true, rejectUnauthorized: true }),
  }
}

const refused = new WeakSet<Socket>()

/** What is no HTTP still gets an answer that says so, where the socket can carry one. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket): void {
  // what still comes is thrown away: cut at once, the sender could not read the answer
  if (refused.has(socket)) return
  if (!socket.writable || inFlight(socket)) {
    socket.destroy()
    return
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('headers_too_large', 'the request headers pass the limit')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new AppError('timeout', 'the request headers did not arrive in time')
        : new AppError('bad_request', `this is no HTTP request: ${error.message}`)
  refused.add(socket)
  writeRaw(socket, refusal)
  setTimeout(() => socket.destroy(), refusalMs).unref()
}

/** An HTTP response on a socket that has no ServerResponse: a bad request, or a refused upgrade. */
export function writeRaw(
  socket: Duplex,
  error: AppError,
  headers: Record<string, string> = {},
  fields: Record<string, unknown> = errorBody(error),
): void {
  const body = `${JSON.stringify(fields)}\n`
  const lines = Object.entries({
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    ...headers,
  })
  socket.end(
    `HTTP/1.1 ${error.status} ${error.code}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  )
}
