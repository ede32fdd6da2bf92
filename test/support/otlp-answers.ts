import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import type { Signal } from '../../core/otlp/records.ts'

/** The answers of OTLP and OTAP, read by protobufjs or JSON.parse. */

const protos = fileURLToPath(new URL('../../gateway/node/grpc/proto', import.meta.url))
const root = new protobuf.Root()
root.resolvePath = (_origin, target) => resolve(protos, target)
root.loadSync([
  ...['logs', 'trace', 'metrics'].map(name => `opentelemetry/proto/collector/${name}/v1/${name}_service.proto`),
  'opentelemetry/proto/experimental/arrow/v1/arrow_service.proto',
])

const answers = {
  logs: { type: root.lookupType('ExportLogsServiceResponse'), rejected: 'rejectedLogRecords' },
  traces: { type: root.lookupType('ExportTraceServiceResponse'), rejected: 'rejectedSpans' },
  metrics: { type: root.lookupType('ExportMetricsServiceResponse'), rejected: 'rejectedDataPoints' },
} as const
const statusType = root.lookupType('BatchStatus')

interface Answer {
  partialSuccess?: Record<string, string>
}

/** How many records an `Export…ServiceResponse` says are refused. Throws where it is none. */
export function rejectedOf(signal: Signal, encoding: 'protobuf' | 'json', bytes: Uint8Array): number {
  const { type, rejected } = answers[signal]
  const answer: Answer =
    encoding === 'json'
      ? JSON.parse(Buffer.from(bytes).toString())
      : type.toObject(type.decode(bytes), { longs: String, defaults: false })
  return Number(answer.partialSuccess?.[rejected] ?? 0)
}

export interface BatchStatus {
  batchId: bigint
  code: number
  message: string
}

export function batchStatusOf(bytes: Uint8Array): BatchStatus {
  const { batchId, statusCode, statusMessage } = statusType.toObject(statusType.decode(bytes), {
    longs: String,
    defaults: true,
  }) as { batchId: string; statusCode: number; statusMessage: string }
  return { batchId: BigInt(batchId), code: statusCode, message: statusMessage }
}

const rpcStatus = new protobuf.Type('Status')
  .add(new protobuf.Field('code', 1, 'int32'))
  .add(new protobuf.Field('message', 2, 'string'))

/** A `google.rpc.Status`, its details left out. */
export const rpcStatusOf = (bytes: Uint8Array): { code: number; message: string } =>
  rpcStatus.toObject(rpcStatus.decode(bytes), { defaults: true }) as { code: number; message: string }
