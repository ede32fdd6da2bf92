import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { AppError } from '../core/errors.ts'
import { maskUrl } from '../core/mask.ts'
import type { Log } from '../core/telemetry/event.ts'
import { createRegistry } from '../core/telemetry/registry.ts'
import { createAuth } from './auth.ts'
import type { Config } from './config.ts'
import { trackConnections } from './node/connections.ts'
import { createOtlpGrpcServer } from './node/otlp-server.ts'
import { createHttpServer } from './node/server.ts'
import { acceptSockets } from './node/upgrade.ts'
import { openStore } from './store/index.ts'
import type { Store } from './store/store.ts'
import { type WireOptions, wire } from './wire.ts'

export interface Gateway {
  /** where it listens, with the port that was picked */
  readonly url: string
  /** the same for OTLP and OTAP over gRPC */
  readonly grpcUrl: string
  /**
   * Stops accepting, lets what was received become durable and acknowledged, closes sockets with a reason, then the
   * store. What is still open after the grace period is destroyed. Resolves in every case.
   */
  stop(): Promise<void>
}

/** of OTLP over gRPC, as registered with IANA */
const defaultGrpcPort = 4317

const loopbackBind = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i

/** how long sockets may take to close once they are cut, ms */
const afterCutMs = 1000

const tailTimes = { heartbeatMs: 15_000, slowMs: 30_000 }

interface StartOptions {
  log: Log
  /** of the package, for the metrics */
  version: string
  /** see `WireOptions` */
  jobs?: WireOptions['jobs']
  moreMetrics?: WireOptions['moreMetrics']
}

/** Starts the gateway on Node. Rejects with an AppError that names the store, the address or the missing token. */
export async function startGateway(config: Config, options: StartOptions): Promise<Gateway> {
  const { log } = options
  const store = await openStore(config.store, {
    durability: config.durability,
    promote: config.otlp.promote_resource_attributes,
    onWarning: (message, recovered) =>
      recovered ? log.info('store.commit.recover', {}, message) : log.warn('store.commit.fail', {}, message),
  })
  try {
    return await listen(config, store, options)
  } catch (error) {
    await store.close()
    throw error
  }
}

async function listen(
  config: Config,
  store: Store,
  { log, version, jobs, moreMetrics }: StartOptions,
): Promise<Gateway> {
  const { gateway } = config
  const loopback = loopbackBind.test(gateway.host)
  const auth = createAuth({
    cors: gateway.cors,
    noAuth: gateway.no_auth,
    loopback,
    sha256: text => createHash('sha256').update(text).digest(),
  })
  let url = ''
  const wired = wire({
    store,
    auth,
    registry: createRegistry({ resource: { 'service.name': 'millrace', 'service.version': version } }),
    log,
    framing: { maxEventBytes: gateway.limits.event, maxDepth: gateway.limits.depth },
    maxBodyBytes: gateway.limits.body,
    queueBytes: gateway.limits.queue,
    stallMs: gateway.stall_timeout,
    query: queryLimits(gateway.query),
    tail: tailTimes,
    url: () => url,
    jobs,
    moreMetrics,
    promote: config.otlp.promote_resource_attributes,
    sha256: bytes => createHash('sha256').update(bytes).digest(),
  })
  const { app, deps, post, stop } = wired
  if (!loopback && !gateway.no_auth && !auth.hasTokens) {
    deps.ingest.close()
    throw new AppError(
      'unauthorized',
      `listening on ${gateway.host} needs a token: create one with millrace token create NAME --scope ingest, or say --no-auth`,
    )
  }
  const server = createHttpServer(app, post, gateway)
  const connections = trackConnections(server)
  server.on('connection', socket => socket.once('close', () => wired.connections.gone(socket)))
  server.on('secureConnection', socket => socket.once('close', () => wired.connections.gone(socket)))
  const grpc = createOtlpGrpcServer({ ...wired, store, log, gateway })
  const sockets = acceptSockets(server, {
    ...post,
    store,
    log,
    maxMessageBytes: gateway.limits.event + 64 * 1024,
    perMessageDeflate: gateway.per_message_deflate,
    heartbeatMs: gateway.heartbeat,
  })

  const grpcPort = gateway.grpc_port ?? (gateway.port === 0 ? 0 : defaultGrpcPort)
  const scheme = gateway.tls.cert === undefined ? 'http' : 'https'
  const urlOf = (port: number) =>
    `${scheme}://${gateway.host.includes(':') ? `[${gateway.host}]` : gateway.host}:${port}`
  let grpcUrl: string
  try {
    const listening = grpc.listen(gateway.host, grpcPort)
    grpcUrl = urlOf(
      await listening.catch(error => {
        throw listenError(error, '--grpc-port', gateway.host, grpcPort)
      }),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(listenError(error, '--port', gateway.host, gateway.port)))
      server.listen(gateway.port, gateway.host, resolve)
    })
  } catch (error) {
    await grpc.stop(0)
    deps.ingest.close()
    throw error
  }
  url = urlOf((server.address() as AddressInfo).port)
  log.info('gateway.start', { url, grpc: grpcUrl, store: maskUrl(config.store), durability: config.durability })

  async function shutDown(): Promise<void> {
    stop.abort()
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    connections.dropIdle()
    // connections whose answer is out stay open for another request until they are dropped
    const sweep = setInterval(() => connections.dropIdle(), 50)
    let late: ReturnType<typeof setTimeout> | undefined
    const cut = new Promise<void>(resolve => {
      late = setTimeout(() => {
        log.warn('gateway.stop', { sockets: sockets.open }, `the grace period is over: what is still open is cut`)
        sockets.destroy()
        connections.destroy()
        // a socket that does not close even so must not hold the store
        late = setTimeout(resolve, afterCutMs)
      }, gateway.grace)
    })
    await Promise.race([Promise.all([sockets.stop(), closed, grpc.stop(gateway.grace)]), cut])
    clearInterval(sweep)
    clearTimeout(late)
    deps.ingest.close()
    await store.close()
    log.info('gateway.close', { url })
  }

  let stopped: Promise<void> | undefined
  return { url, grpcUrl, stop: () => (stopped ??= shutDown()) }
}

const queryLimits = ({ timeout, memory, rows }: Config['gateway']['query']) => ({ ms: timeout, bytes: memory, rows })

function listenError(error: NodeJS.ErrnoException, flag: string, host: string, port: number): AppError {
  const what =
    error.code === 'EADDRINUSE' ? `the port is taken: choose another with ${flag}, or 0 for a free one` : error.message
  return new AppError('bad_request', `listen on ${host}:${port}: ${what}`, {}, error)
}
