import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { AppError, toAppError } from '../../core/errors.ts'
import type { FramerOptions } from '../../core/framing/framing.ts'
import { uuid7 } from '../../core/id.ts'
import { subprotocol } from '../../core/protocol.ts'
import type { Log } from '../../core/telemetry/event.ts'
import type { Auth, Identity } from '../auth.ts'
import { queryParam } from '../decode.ts'
import { errorHeaders } from '../exchange.ts'
import { headersToJson, pairsOf } from '../headers.ts'
import { type Ingest, refusal } from '../ingest.ts'
import type { IngestMetrics } from '../metrics.ts'
import { readStreamParams, type StreamParams } from '../params.ts'
import { countRefusal, refusalBody } from '../post.ts'
import type { Opening, Store } from '../store/store.ts'
import { runSocket, type Socket } from '../ws/socket.ts'
import { normalPath, writeRaw } from './server.ts'
import { readTarget } from './target.ts'

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
  1008: 'bad_request: the message comes in too many fragments',
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

/** Who asks for a socket, and what its stream begins with. */
interface Asked extends Pick<StreamParams, 'epoch' | 'onBad'> {
  identity: Identity
  protocol: 'websocket' | typeof subprotocol
  opening: Opening
  key: string
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
  /** sockets whose upgrade was refused, as long as they read why */
  const refused = new Set<Duplex>()
  let stopped = false

  server.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    raw.on('error', () => raw.destroy())
    try {
      upgrade(request, raw, head)
    } catch (thrown) {
      refuse(raw, toAppError(thrown))
    }
  })
  // a handshake that breaks RFC 6455
  wss.on('wsClientError', (fault, raw) => {
    // its section 4.4: a refused version is answered with those that are known
    const versions: Record<string, string> = /version/i.test(fault.message) ? { 'sec-websocket-version': '13, 8' } : {}
    refuse(raw, new AppError('bad_request', `the WebSocket handshake is refused: ${fault.message}`), versions)
  })

  function refuse(raw: Duplex, error: AppError, headers: Record<string, string> = {}): void {
    countRefusal(deps.metrics, 'websocket', error)
    deps.log.debug('gateway.socket.refuse', { code: error.code, message: error.message })
    writeRaw(raw, error, { ...errorHeaders(error), ...headers }, refusalBody(error))
    // nobody else reads this socket any more: without this it would never end
    raw.resume()
    refused.add(raw)
    const end = () => raw.destroy()
    const timer = setTimeout(end, refusalMs)
    timer.unref()
    if (stopped) raw.once('finish', end)
    raw.once('close', () => {
      clearTimeout(timer)
      refused.delete(raw)
    })
  }

  function upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    const asked = read(request)
    wss.handleUpgrade(request, raw, head, client => accept(client as ReasonedSocket, asked))
  }

  /** What the socket needs for its life; the request itself is not to be kept for as long. */
  function read(request: IncomingMessage): Asked {
    const bad = readTarget(request)
    if (bad !== undefined) throw bad
    const [given = '/', search = ''] = (request.url ?? '/').split(/\?(.*)/s)
    const path = normalPath(given)
    const header = (name: string) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    }
    const query = (name: string) => queryParam(search, name)
    if (path !== '/' && path !== '/v1/events')
      throw new AppError('not_found', `there is no WebSocket at ${path}: connect to / or /v1/events`)
    if (request.method !== 'GET')
      throw new AppError('method_not_allowed', `a WebSocket begins with GET: the method is ${request.method}`)
    if (header('upgrade')?.toLowerCase() !== 'websocket')
      throw new AppError(
        'bad_request',
        `the Upgrade ${JSON.stringify(header('upgrade'))} is not known: it can be websocket`,
      )
    const unready = deps.stopping() ?? deps.ingest.stalled()
    if (unready !== undefined) throw unready
    const identity = deps.auth.authorize(
      { header, headerNames: () => Object.keys(request.headers), queryToken: query('token') },
      'ingest',
    )
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
    return { identity, protocol, opening, key, epoch: params.epoch, onBad: params.onBad }
  }

  function accept(ws: ReasonedSocket, { identity, protocol, opening, key, epoch, onBad }: Asked): void {
    async function open() {
      const first = deps.ingest.producer({ identity, transport: protocol, key, opening, epoch, offset: undefined })
      const outcome = await first.append(undefined, false)
      if (!outcome.ok) throw refusal(key, outcome, { epoch })
      const offset = protocol === subprotocol ? outcome.count : undefined
      const producer = deps.ingest.producer({ identity, transport: protocol, key, opening, epoch, offset })
      return { producer, count: outcome.count, streamId: outcome.streamId }
    }

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
      stopped = true
      for (const raw of refused) raw.destroy()
      for (const socket of live.values()) socket.stop()
      while (live.size > 0) await new Promise(resolve => setTimeout(resolve, 10))
    },
    destroy() {
      for (const ws of live.keys()) ws.terminate()
    },
  }
}
