import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import type { Signal } from '../../core/otlp/records.ts'

/** The messages of OTLP as protobufjs knows them, from the .proto files that reflection serves. */
const protos = fileURLToPath(new URL('../../gateway/node/grpc/proto', import.meta.url))
const service = { logs: 'logs', traces: 'trace', metrics: 'metrics' } as const
const requests = {
  logs: 'ExportLogsServiceRequest',
  traces: 'ExportTraceServiceRequest',
  metrics: 'ExportMetricsServiceRequest',
} as const

const root = new protobuf.Root()
root.resolvePath = (_origin, target) => resolve(protos, target)
root.loadSync(Object.values(service).map(name => `opentelemetry/proto/collector/${name}/v1/${name}_service.proto`))

export const requestType = (signal: Signal): protobuf.Type => root.lookupType(requests[signal])

/** The bytes of a request, from an object as proto3 JSON writes it, but ids and bytes as bytes. */
export function encodeRequest(signal: Signal, request: object): Uint8Array {
  const type = requestType(signal)
  return Uint8Array.from(type.encode(type.fromObject(request)).finish())
}
