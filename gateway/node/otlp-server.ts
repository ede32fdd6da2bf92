import type { Log } from '../../core/telemetry/event.ts'
import type { GatewayConfig } from '../config.ts'
import type { Store } from '../store/store.ts'
import type { Wired } from '../wire.ts'
import { createGrpcServer, type GrpcServer } from './grpc/server.ts'
import { withStandardServices } from './grpc/standard.ts'
import { admitter, otlpServices } from './otlp.ts'
import { tlsOptions } from './server.ts'

/** The gRPC port: OTLP, OTAP, health and reflection. */
export function createOtlpGrpcServer(options: {
  post: Wired['post']
  connections: Wired['connections']
  store: Store
  log: Log
  gateway: GatewayConfig
}): GrpcServer {
  const { post, connections, store, log, gateway } = options
  const { limits, tls } = gateway
  return createGrpcServer({
    services: withStandardServices(otlpServices(post), {
      status: () => (post.stopping() === undefined && store.health().ok ? 'SERVING' : 'NOT_SERVING'),
    }),
    log,
    tls: tls.cert === undefined ? undefined : tlsOptions(tls),
    admit: admitter(post),
    onDisconnect: connection => connections.gone(connection),
    maxMessageBytes: limits.body,
    maxHeldBytes: 2 * limits.body,
    maxHeaderBytes: limits.headers,
    maxConnections: limits.sockets,
  })
}
