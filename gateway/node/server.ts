import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { AppError } from '../../core/errors.ts'
import type { GatewayConfig } from '../config.ts'
import type { Env } from '../context.ts'
import { errorBody } from '../exchange.ts'
import { type PostDeps, type PostRoute, post } from '../post.ts'
import { NodeExchange } from './exchange.ts'

/** The routes that step below the web streams: measured 3 to 8 times as fast for a POST. */
const hot: Record<string, PostRoute> = {
  '/': { bareCount: true, arrays: false },
  '/v1/events': { bareCount: false, arrays: true },
}

export function createHttpServer(app: Hono<Env>, deps: PostDeps, config: GatewayConfig): Server {
  const rest = getRequestListener(
    (request, env) => app.fetch(request, { remoteAddr: env.incoming.socket.remoteAddress ?? '' }),
    {
      overrideGlobalObjects: false,
    },
  )
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const route = incoming.method === 'POST' ? hot[pathOf(incoming.url)] : undefined
    if (route === undefined) void rest(incoming, outgoing)
    else void post(new NodeExchange(incoming, outgoing), deps, route)
  }
  const options = {
    maxHeaderSize: config.limits.headers,
    requestTimeout: 0,
    headersTimeout: 30_000,
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
  server.on('clientError', refuseRaw)
  return server
}

function pathOf(url = '/'): string {
  const mark = url.indexOf('?')
  return mark < 0 ? url : url.slice(0, mark)
}

function tlsOptions({ cert, key, client_ca }: GatewayConfig['tls']): TlsOptions {
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

/** What is no HTTP still gets an answer that says so, where the socket can carry one. */
function refuseRaw(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('headers_too_large', 'the request headers pass the limit')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new AppError('timeout', 'the request headers did not arrive in time')
        : new AppError('bad_request', `this is no HTTP request: ${error.message}`)
  writeRaw(socket, refusal)
}

/** An HTTP response on a socket that has no ServerResponse: a bad request, or a refused upgrade. */
export function writeRaw(socket: Duplex, error: AppError, headers: Record<string, string> = {}): void {
  const body = `${JSON.stringify(errorBody(error))}\n`
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
