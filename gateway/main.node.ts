import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { AppError } from '../core/errors.ts'
import type { Log } from '../core/telemetry/event.ts'
import { createRegistry } from '../core/telemetry/registry.ts'
import { createApp } from './app.ts'
import { createAuth } from './auth.ts'
import type { Config } from './config.ts'
import { createIngest } from './ingest.ts'
import { observeStore, registerIngest, registerTail } from './metrics.ts'
import { createHttpServer } from './node/server.ts'
import { acceptSockets } from './node/upgrade.ts'
import type { PostDeps } from './post.ts'
import { openStore } from './store/index.ts'
import type { Store } from './store/store.ts'

export interface Gateway {
  /** where it listens, with the port that was picked */
  readonly url: string
  /**
   * Stops accepting, lets what was received become durable and acknowledged, closes sockets with a reason, then the
   * store. What is still open after the grace period is destroyed. Resolves in every case.
   */
  stop(): Promise<void>
}

const loopbackBind = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i

const tailTimes = { heartbeatMs: 15_000, slowMs: 30_000 }

interface StartOptions {
  log: Log
  /** of the package, for the metrics */
  version: string
}

/** Starts the gateway on Node. Rejects with an AppError that names the store, the address or the missing token. */
export async function startGateway(config: Config, options: StartOptions): Promise<Gateway> {
  const { log } = options
  const store = await openStore(config.store, {
    durability: config.durability,
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

async function listen(config: Config, store: Store, { log, version }: StartOptions): Promise<Gateway> {
  const { gateway } = config
  const loopback = loopbackBind.test(gateway.host)
  const auth = createAuth({
    cors: gateway.cors,
    noAuth: gateway.no_auth,
    loopback,
    sha256: text => createHash('sha256').update(text).digest(),
  })
  store.watchTokens(tokens => auth.setTokens(tokens))
  if (!loopback && !gateway.no_auth && !auth.hasTokens)
    throw new AppError(
      'unauthorized',
      `listening on ${gateway.host} needs a token: create one with millrace token create NAME --scope ingest, or say --no-auth`,
    )

  const registry = createRegistry({ resource: { 'service.name': 'millrace', 'service.version': version } })
  const metrics = registerIngest(registry)
  observeStore(registry, store)
  const ingest = createIngest({ store, metrics, queueBytes: gateway.limits.queue, stallMs: gateway.stall_timeout })
  const stop = new AbortController()
  const stopping = () =>
    stop.signal.aborted ? new AppError('stopping', 'the gateway is shutting down', { retryAfter: 2 }) : undefined
  const framing = { maxEventBytes: gateway.limits.event, maxDepth: gateway.limits.depth }
  const post: PostDeps = {
    auth,
    ingest,
    metrics,
    stopping,
    framing,
    maxBodyBytes: gateway.limits.body,
    log: error => log.debug('gateway.request.refuse', { code: error.code, message: error.message }),
  }
  let url = ''
  const app = createApp({
    store,
    auth,
    ingest,
    registry,
    metrics,
    tailMetrics: registerTail(registry),
    log,
    post,
    framing,
    query: queryLimits(gateway.query),
    tail: tailTimes,
    url: () => url,
    stopSignal: stop.signal,
  })
  const server = createHttpServer(app, post, gateway)
  const sockets = acceptSockets(server, {
    store,
    auth,
    ingest,
    metrics,
    log,
    framing,
    stopping,
    maxMessageBytes: gateway.limits.event + 64 * 1024,
    perMessageDeflate: gateway.per_message_deflate,
    heartbeatMs: gateway.heartbeat,
  })

  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(gateway.port, gateway.host, resolve)
    })
  } catch (error) {
    ingest.close()
    throw listenError(error as NodeJS.ErrnoException, gateway.host, gateway.port)
  }
  const { port } = server.address() as AddressInfo
  url = `${gateway.tls.cert === undefined ? 'http' : 'https'}://${gateway.host.includes(':') ? `[${gateway.host}]` : gateway.host}:${port}`
  log.info('gateway.start', { url, store: config.store, durability: config.durability })

  async function shutDown(): Promise<void> {
    stop.abort()
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    server.closeIdleConnections()
    const grace = setTimeout(() => {
      log.warn('gateway.stop', { sockets: sockets.open }, `the grace period is over: what is still open is cut`)
      sockets.destroy()
      server.closeAllConnections()
    }, gateway.grace)
    await sockets.stop()
    // connections whose answer is out stay open for another request until they are closed
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    await closed
    clearInterval(sweep)
    clearTimeout(grace)
    ingest.close()
    await store.close()
    log.info('gateway.close', { url })
  }

  let stopped: Promise<void> | undefined
  return { url, stop: () => (stopped ??= shutDown()) }
}

const queryLimits = ({ timeout, memory, rows }: Config['gateway']['query']) => ({ ms: timeout, bytes: memory, rows })

function listenError(error: NodeJS.ErrnoException, host: string, port: number): AppError {
  const what =
    error.code === 'EADDRINUSE' ? 'the port is taken: choose another with --port, or 0 for a free one' : error.message
  return new AppError('bad_request', `listen on ${host}:${port}: ${what}`, {}, error)
}
