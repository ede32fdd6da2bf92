import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerOptions,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import type { Log } from '../../../core/telemetry/event.ts'
import { type CallDeps, type OpenCall, refuseHttp, serveCall, stopped } from './call.ts'
import type { GrpcCall, GrpcConnection, GrpcServices } from './contract.ts'
import { createHeld } from './held.ts'
import type { GrpcCode } from './status.ts'

/**
 * A gRPC server on node:http2 (grpc/doc/PROTOCOL-HTTP2.md): raw message bytes in and out; identity, gzip, deflate and zstd
 * messages. What a peer may hold is bounded: unread bytes by `window` for each of its streams, gathered ones by
 * `maxHeldBytes` for all, resets, settings and pings by nghttp2.
 */
export interface GrpcServer {
  /** Resolves with the port; rejects with Node's own error. */
  listen(host: string, port: number): Promise<number>
  /**
   * Takes no new calls and says so (GOAWAY); streams end with UNAVAILABLE at their next message, unary calls go on.
   * What is still open after `graceMs` is cut. Resolves when every connection is closed, and every handler has settled or the
   * grace is over.
   */
  stop(graceMs: number): Promise<void>
}

export interface GrpcServerOptions {
  services: GrpcServices
  log: Log
  /** certificate and key make it TLS, a CA with requestCert mTLS; default plain HTTP/2 */
  tls?: TlsOptions
  /** Refuses a call, by throwing a GrpcError, before a message of it is read: who may call. */
  admit?: (call: GrpcCall) => void
  /** Called once for each call, with the code it ended with; '' for the message of OK. */
  onEnd?: (call: GrpcCall, code: GrpcCode, message: string) => void
  /** The connection is closed, and all handlers of its calls have settled. */
  onDisconnect?: (connection: GrpcConnection) => void
  /** of one message, compressed and inflated; default 64 MiB */
  maxMessageBytes?: number
  /** of all messages that are being received or handled; default 256 MiB */
  maxHeldBytes?: number
  /** of the metadata of one call; default 16 KiB */
  maxHeaderBytes?: number
  /** calls open at once on one connection; default 256 */
  maxConcurrentCalls?: number
  /** connections open at once; default 20,000 */
  maxConnections?: number
  /** a peer is asked for a sign of life after each interval, and cut where it gives none in time; default 60 s, 20 s */
  keepAlive?: { intervalMs: number; timeoutMs: number }
  /** a unary request, or a message that has begun, may stop to arrive for this long; default 60 s */
  receiveTimeoutMs?: number
}

/** bytes that a peer may send ahead of the reader, on one stream and on one connection */
const window = { stream: 256 * 1024, connection: 4 * 1024 * 1024 }
const sweepMs = 1000

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { log, keepAlive = { intervalMs: 60_000, timeoutMs: 20_000 } } = options
  const stop = new AbortController()
  const deps: CallDeps = {
    services: options.services,
    admit: options.admit,
    onEnd: options.onEnd,
    maxMessageBytes: options.maxMessageBytes ?? 64 * 1024 * 1024,
    receiveTimeoutMs: options.receiveTimeoutMs ?? 60_000,
    held: createHeld(options.maxHeldBytes ?? 256 * 1024 * 1024),
    log,
    stopping: stop.signal,
  }
  const calls = new Set<OpenCall>()
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  const handlers = new Set<Promise<void>>()

  const server = listener(options)
  server.maxConnections = options.maxConnections ?? 20_000
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('session', onSession)
  server.on('sessionError', (error: Error) => log.debug('grpc.connection.fail', { error }))
  server.on('tlsClientError', (error: Error) => log.debug('grpc.connection.refuse', { error }))

  function onSession(session: ServerHttp2Session): void {
    const connection: GrpcConnection = { remoteAddr: session.socket.remoteAddress ?? '' }
    let active = 0
    let closed = false
    session.setLocalWindowSize(window.connection)
    sessions.add(session)
    const ping = setInterval(() => {
      if (session.destroyed) return
      const late = setTimeout(() => session.destroy(), keepAlive.timeoutMs)
      session.ping(() => clearTimeout(late))
    }, keepAlive.intervalMs)
    ping.unref()

    session.on('stream', (stream, headers, _flags, rawHeaders: readonly string[]) => {
      // 'close' follows, and tells enough
      stream.on('error', () => {})
      const head = { headers, rawHeaders, connection }
      if (refuseHttp(stream, head)) return
      const call = serveCall(stream, head, deps)
      calls.add(call)
      stream.once('close', () => calls.delete(call))
      active++
      handlers.add(call.settled)
      void call.settled.then(() => {
        handlers.delete(call.settled)
        active--
        gone()
      })
    })
    session.once('close', () => {
      clearInterval(ping)
      sessions.delete(session)
      closed = true
      gone()
    })
    function gone(): void {
      if (closed && active === 0) options.onDisconnect?.(connection)
    }
  }

  const sweep = setInterval(() => {
    const now = performance.now()
    for (const call of calls) call.sweep(now)
  }, sweepMs)
  sweep.unref()

  async function shutDown(graceMs: number): Promise<void> {
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    let cut = () => {}
    const isCut = new Promise<void>(resolve => {
      cut = resolve
    })
    stop.abort(stopped())
    for (const call of calls) call.stop()
    // sends GOAWAY, and closes once the last stream is
    for (const session of sessions) session.close()
    const grace = setTimeout(() => {
      log.warn('grpc.server.stop', { calls: calls.size }, 'the grace period is over: what is still open is cut')
      for (const session of sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      cut()
    }, graceMs)
    await closed
    // an answer may be cancelled, and its handler still at work
    await Promise.race([Promise.all(handlers), isCut])
    clearTimeout(grace)
    clearInterval(sweep)
  }

  let stopping: Promise<void> | undefined
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          resolve((server.address() as AddressInfo).port)
        })
      }),
    stop: graceMs => (stopping ??= shutDown(graceMs)),
  }
}

function listener({ tls, maxHeaderBytes = 16 * 1024, maxConcurrentCalls = 256 }: GrpcServerOptions): Http2Server {
  const http2: ServerOptions = {
    settings: {
      maxConcurrentStreams: maxConcurrentCalls,
      initialWindowSize: window.stream,
      maxHeaderListSize: maxHeaderBytes,
    },
    // of bookkeeping, not of messages; beyond it Node refuses new streams
    maxSessionMemory: 64,
    // rapid resets: a burst, then so many a second, then the connection is closed
    streamResetBurst: 1000,
    streamResetRate: 100,
  }
  if (tls === undefined) return createServer(http2)
  return createSecureServer({
    minVersion: 'TLSv1.2',
    handshakeTimeout: 10_000,
    ...http2,
    ...tls,
    allowHTTP1: false,
  }) as unknown as Http2Server
}
