import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { AppError, toAppError } from '../../core/errors.ts'
import type { FramerOptions } from '../../core/framing/framing.ts'
import { uuid7 } from '../../core/id.ts'
import { subprotocol } from '../../core/protocol.ts'
import type { Log } from '../../core/telemetry/event.ts'
import type { Auth } from '../auth.ts'
import { errorHeaders } from '../exchange.ts'
import { headersToJson, pairsOf } from '../headers.ts'
import { type Ingest, refusal } from '../ingest.ts'
import type { IngestMetrics } from '../metrics.ts'
import { readStreamParams } from '../params.ts'
import { countRefusal } from '../post.ts'
import type { Store } from '../store/store.ts'
import { runSocket, type Socket } from '../ws/socket.ts'
import { writeRaw } from './server.ts'

export interface SocketsDeps {
  store: Store
  auth: Auth
  ingest: Ingest
  metrics: IngestMetrics
  log: Log
  framing: Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'>
  stopping: () => AppError | undefined
  /** bytes of one message */
  maxMessageBytes: number
  perMessageDeflate: boolean
  /** silence after which a socket is pinged; after as long again it is cut off */
  heartbeatMs: number
}

export interface Sockets {
  readonly open: number
  /** Every socket stores and acknowledges what it has received, and closes with 1001; resolves when all are gone. */
  stop(): Promise<void>
  /** What is still open is cut. */
  destroy(): void
}

/** How long a refused upgrade may take to read why. */
const refusalMs = 1000

const reasons: Record<number, string> = {
  1002: 'protocol error: this is no RFC 6455 frame',
  1007: 'bad_utf8: the message is not valid UTF-8',
  1009: 'event_too_large: the message passes the limit',
}

/** Never closes without a reason, also where `ws` itself finds the fault. */
class ReasonedSocket extends WebSocket {
  /** a sign of life since the last ping */
  alive = true

  override close(code?: number, data?: string | Buffer): void {
    super.close(code, data ?? (code === undefined ? undefined : reasons[code]))
  }
}

export function acceptSockets(server: Server, deps: SocketsDeps): Sockets {
  const wss = new WebSocketServer({
    noServer: true,
    WebSocket: ReasonedSocket,
    maxPayload: deps.maxMessageBytes,
    perMessageDeflate: deps.perMessageDeflate,
    // framing checks UTF-8, for text and binary messages alike
    skipUTF8Validation: true,
    clientTracking: false,
    handleProtocols: offered => (offered.has(subprotocol) ? subprotocol : false),
  })
  const live = new Map<ReasonedSocket, Socket>()

  server.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    raw.on('error', () => raw.destroy())
    try {
      upgrade(request, raw, head)
    } catch (thrown) {
      const error = toAppError(thrown)
      countRefusal(deps.metrics, 'websocket', error)
      deps.log.debug('gateway.socket.refuse', { code: error.code, message: error.message })
      writeRaw(raw, error, errorHeaders(error))
      // nobody else reads this socket any more: without this it would never end
      raw.resume()
      setTimeout(() => raw.destroy(), refusalMs).unref()
    }
  })

  function upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'http://gateway')
    const header = (name: string) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    }
    const query = (name: string) => url.searchParams.get(name) ?? undefined
    if (url.pathname !== '/' && url.pathname !== '/v1/events')
      throw new AppError('not_found', `there is no WebSocket at ${url.pathname}: connect to / or /v1/events`)
    if (header('upgrade')?.toLowerCase() !== 'websocket')
      throw new AppError(
        'bad_request',
        `the Upgrade ${JSON.stringify(header('upgrade'))} is not known: it can be websocket`,
      )
    const unready = deps.stopping() ?? deps.ingest.stalled()
    if (unready !== undefined) throw unready
    const identity = deps.auth.authorize({ header, queryToken: query('token') }, 'ingest')
    const params = readStreamParams({ header, query })
    if (params.offset !== undefined)
      throw new AppError(
        'bad_request',
        'a WebSocket takes no offset: millrace.v1 tells the count, and goes on from there',
      )
    deps.auth.checkRate(identity)

    const protocol = (header('sec-websocket-protocol') ?? '').split(',').some(name => name.trim() === subprotocol)
      ? subprotocol
      : 'websocket'
    const opening = {
      transport: protocol,
      headers: headersToJson(pairsOf(request.rawHeaders)),
      remoteAddr: request.socket.remoteAddress ?? '',
    } as const
    const key = params.key ?? uuid7()
    const { epoch, onBad } = params

    async function open() {
      const first = deps.ingest.producer({ identity, transport: protocol, key, opening, epoch, offset: undefined })
      const outcome = await first.append(undefined, false)
      if (!outcome.ok) throw refusal(key, outcome, { epoch })
      const offset = protocol === subprotocol ? outcome.count : undefined
      const producer = deps.ingest.producer({ identity, transport: protocol, key, opening, epoch, offset })
      return { producer, count: outcome.count, streamId: outcome.streamId }
    }

    wss.handleUpgrade(request, raw, head, client => {
      const ws = client as ReasonedSocket
      const connections = deps.metrics.connections.with({ transport: protocol })
      connections.add(1)
      const socket = runSocket(ws, {
        protocol,
        identity,
        open,
        epoch,
        onBad,
        framing: deps.framing,
        onRelease(streamId) {
          connections.add(-1)
          if (streamId !== 0) deps.store.closeStream(streamId, Date.now() * 1000)
        },
        onError(error) {
          countRefusal(deps.metrics, protocol, error)
          deps.log.warn('gateway.socket.fail', { stream: key, code: error.code, message: error.message })
        },
      })
      live.set(ws, socket)
      ws.on('pong', () => {
        ws.alive = true
      })
      ws.on('close', () => live.delete(ws))
    })
  }

  const heart = setInterval(() => {
    for (const ws of live.keys()) {
      if (!ws.alive && !ws.isPaused) ws.terminate()
      ws.alive = false
      if (ws.readyState === WebSocket.OPEN) ws.ping()
    }
  }, deps.heartbeatMs)
  heart.unref()

  return {
    get open() {
      return live.size
    },
    async stop() {
      clearInterval(heart)
      for (const socket of live.values()) socket.stop()
      while (live.size > 0) await new Promise(resolve => setTimeout(resolve, 10))
    },
    destroy() {
      for (const ws of live.keys()) ws.terminate()
    },
  }
}
