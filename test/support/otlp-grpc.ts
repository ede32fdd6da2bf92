import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { Signal } from '../../core/otlp/records.ts'

/** What an exporter calls, with bytes in and out: the client is @grpc/grpc-js, as in the SDKs. */

const services = {
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
} as const
const arrow = 'opentelemetry.proto.experimental.arrow.v1'

export const exportPath = (signal: Signal): string => `/${services[signal]}/Export`
export const arrowPath = (signal: Signal): string => {
  const name = `Arrow${signal[0]!.toUpperCase()}${signal.slice(1)}`
  return `/${arrow}.${name}Service/${name}`
}

export interface OtlpClient {
  /** Resolves with the answer's bytes; rejects with the ServiceError. */
  export(signal: Signal, body: Uint8Array, metadata?: Record<string, string>): Promise<Buffer>
  /** The caller reads `data`, and must listen for `error`. */
  arrow(signal: Signal, metadata?: Record<string, string>): ClientDuplexStream<Uint8Array, Buffer>
  close(): void
}

export type { ServiceError }

const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/** @param gzip messages are sent compressed */
export function otlpClient(port: number, { gzip = false } = {}): OtlpClient {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    // a client of its own connection, that is soon back after the gateway was killed
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
    'grpc.default_compression_algorithm': gzip ? 2 : 0,
  })
  const metadataOf = (pairs: Record<string, string>) => {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(pairs)) metadata.set(name, value)
    return metadata
  }
  return {
    export: (signal, body, metadata = {}) =>
      new Promise((resolve, reject) => {
        const given = metadataOf(metadata)
        const deadline = Date.now() + 15_000
        client.makeUnaryRequest(exportPath(signal), same, same, body, given, { deadline }, (error, answer) =>
          error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
        )
      }),
    arrow: (signal, metadata = {}) =>
      client.makeBidiStreamRequest(arrowPath(signal), same, same, metadataOf(metadata), {}),
    close: () => client.close(),
  }
}
