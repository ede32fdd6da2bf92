import { zstdDecompressSync } from 'node:zlib'
import { AppError, codes, toAppError } from '../../core/errors.ts'
import { createOtapDecoder, type OtapDecoder } from '../../core/otlp/otap/decoder.ts'
import { batchIdOf } from '../../core/otlp/otap/message.ts'
import type { Signal } from '../../core/otlp/records.ts'
import { exportResponse, grpcCodeOf } from '../../core/otlp/response.ts'
import { Writer } from '../../core/otlp/wire/writer.ts'
import type { Auth, Identity } from '../auth.ts'
import { headersToJson } from '../headers.ts'
import type { Ingest } from '../ingest.ts'
import type { IngestMetrics } from '../metrics.ts'
import type { OtlpIntake, OtlpOutcome } from '../otlp/intake.ts'
import { readStreamParams, type StreamParams } from '../params.ts'
import { countRefusal } from '../post.ts'
import type { GrpcCall, GrpcMethod, GrpcServices } from './grpc/contract.ts'
import { type GrpcCode, GrpcError, retryInfo } from './grpc/status.ts'

/** What the OpenTelemetry services stand on. */
export interface OtlpServicesDeps {
  intake: OtlpIntake
  auth: Auth
  ingest: Ingest
  metrics: IngestMetrics
  stopping: () => AppError | undefined
  /** inflated bytes of one message */
  maxBodyBytes: number
  log: (error: AppError) => void
}

interface Caller {
  identity: Identity
  params: Pick<StreamParams, 'key' | 'offset' | 'epoch'>
}

const signals: Record<Signal, { collector: string; arrow: string; arrowMethod: string }> = {
  logs: { collector: 'logs.v1.LogsService', arrow: 'ArrowLogsService', arrowMethod: 'ArrowLogs' },
  traces: { collector: 'trace.v1.TraceService', arrow: 'ArrowTracesService', arrowMethod: 'ArrowTraces' },
  metrics: { collector: 'metrics.v1.MetricsService', arrow: 'ArrowMetricsService', arrowMethod: 'ArrowMetrics' },
}

/** The unary services of OTLP and the streaming ones of OTAP, on one port. */
export function otlpServices(deps: OtlpServicesDeps): GrpcServices {
  const services: Record<string, Record<string, GrpcMethod>> = {}
  for (const [signal, { collector, arrow, arrowMethod }] of Object.entries(signals)) {
    services[`opentelemetry.proto.collector.${collector}`] = { Export: exportMethod(signal as Signal, deps) }
    services[`opentelemetry.proto.experimental.arrow.v1.${arrow}`] = {
      [arrowMethod]: arrowStreamMethod(signal as Signal, deps),
    }
  }
  return services
}

/** Who may call: refused before a message is read. */
export function admitter(deps: Pick<OtlpServicesDeps, 'auth' | 'metrics' | 'log'>): (call: GrpcCall) => void {
  return call => {
    // health and reflection are for load balancers and people who look around
    if (call.service.startsWith('grpc.')) return
    try {
      deps.auth.authorize(askerOf(call), 'ingest')
    } catch (thrown) {
      throw refused(deps, toAppError(thrown))
    }
  }
}

function askerOf(call: GrpcCall) {
  return {
    // the authority is what Host is in HTTP/1
    header: (name: string) => (name === 'host' ? call.authority : call.header(name)),
    headerNames: () => Array.from(call.headers(), ([name]) => name),
    queryToken: undefined,
  }
}

function callerOf(call: GrpcCall, deps: OtlpServicesDeps): Caller {
  const unready = deps.stopping() ?? deps.ingest.stalled()
  if (unready !== undefined) throw unready
  const identity = deps.auth.authorize(askerOf(call), 'ingest')
  const params = readStreamParams({ header: name => call.header(name), query: () => undefined })
  deps.auth.checkRate(identity)
  return { identity, params }
}

function exportMethod(signal: Signal, deps: OtlpServicesDeps): GrpcMethod {
  return {
    kind: 'unary',
    async handle(call, body) {
      try {
        const outcome = await take(signal, call, callerOf(call, deps), body, deps)
        return exportResponse(signal, 'protobuf', outcome.rejected, outcome.message)
      } catch (thrown) {
        throw refused(deps, toAppError(thrown))
      }
    },
  }
}

function take(
  signal: Signal,
  call: GrpcCall,
  { identity, params }: Caller,
  body: Uint8Array,
  { intake }: OtlpServicesDeps,
): Promise<OtlpOutcome> {
  return intake.take({
    signal,
    format: 'protobuf',
    body,
    identity,
    params,
    transport: 'otlp-grpc',
    connection: call.connection,
    headers: () => headersToJson(call.headers()),
    remoteAddr: call.remoteAddr,
  })
}

/**
 * One message, one BatchStatus, after its rows are durable. A message that cannot be read ends the stream, since later
 * ones build on it; one that the store has no room for does not, and its sender may send it again, unless the stream
 * has offsets.
 */
function arrowStreamMethod(signal: Signal, deps: OtlpServicesDeps): GrpcMethod {
  return {
    kind: 'bidi',
    async handle(call, messages, send) {
      const decoder = createOtapDecoder(signal, { zstd, maxMessageBytes: deps.maxBodyBytes })
      let offset = start(call, deps)
      for await (const message of messages) {
        const batch = await oneBatch(signal, call, message, decoder, offset, deps)
        offset = batch.next
        await send(batch.status)
        if (batch.poisoned) return
      }
    },
  }
}

/** The offset that the stream begins at, from its metadata. */
function start(call: GrpcCall, deps: OtlpServicesDeps): number | undefined {
  try {
    return callerOf(call, deps).params.offset
  } catch (thrown) {
    throw refused(deps, toAppError(thrown))
  }
}

interface Batch {
  status: Uint8Array
  /** position of the next message's first record, where the stream has offsets */
  next: number | undefined
  /** no later message can be taken: the stream ends */
  poisoned: boolean
}

async function oneBatch(
  signal: Signal,
  call: GrpcCall,
  message: Uint8Array,
  decoder: OtapDecoder,
  offset: number | undefined,
  deps: OtlpServicesDeps,
): Promise<Batch> {
  const decoded = decode(decoder, message, deps)
  if ('poison' in decoded)
    return {
      status: batchStatus(decoded.batchId, grpcCodeOf(decoded.poison), decoded.poison.message),
      next: offset,
      poisoned: true,
    }
  const { batchId, body } = decoded
  try {
    const caller = callerOf(call, deps)
    const outcome = await take(signal, call, { ...caller, params: { ...caller.params, offset } }, body, deps)
    const next = offset === undefined ? undefined : offset + outcome.positions
    return { status: batchStatus(batchId, 0, outcome.message), next, poisoned: false }
  } catch (thrown) {
    const error = toAppError(thrown)
    refused(deps, error)
    // what may be sent again leaves the stream open, and so does data that is refused as a whole
    const code = codes[error.code].retry && error.code !== 'internal' ? resourceExhausted : grpcCodeOf(error)
    // with offsets a later message must not take the positions of this one
    return { status: batchStatus(batchId, code, error.message), next: offset, poisoned: offset !== undefined }
  }
}

const resourceExhausted = 8

function decode(
  decoder: OtapDecoder,
  message: Uint8Array,
  deps: OtlpServicesDeps,
): { batchId: bigint; body: Uint8Array } | { batchId: bigint; poison: AppError } {
  try {
    return decoder.decode(message)
  } catch (thrown) {
    const error = toAppError(thrown)
    refused(deps, error)
    const poison = error.code === 'internal' ? error : new AppError('bad_request', error.message, {}, error)
    return { batchId: batchIdOf(message), poison }
  }
}

/** BatchStatus { batch_id = 1, status_code = 2, status_message = 3 } */
function batchStatus(batchId: bigint, code: number, message: string): Uint8Array {
  const writer = new Writer(statusMost, 256)
  const bits = BigInt.asUintN(64, batchId)
  writer.varint64(1, Number(bits & 0xffff_ffffn), Number(bits >> 32n))
  if (code !== 0) writer.varint(2, code)
  const text = Buffer.from(message.slice(0, 1000).toWellFormed())
  if (text.length > 0) writer.bytesField(3, text, 0, text.length)
  return writer.finish()
}

const statusMost = 64 * 1024

/** Counts and logs the refusal; the error that ends the call. */
function refused(deps: Pick<OtlpServicesDeps, 'metrics' | 'log'>, error: AppError): GrpcError {
  countRefusal(deps.metrics, 'otlp-grpc', error)
  deps.log(error)
  const { retry } = codes[error.code]
  const details = retry && error.code !== 'internal' ? [retryInfo(error.details.retryAfter ?? 1)] : []
  return new GrpcError(grpcCodeOf(error) as GrpcCode, error.message, details, error)
}

const zstd = (bytes: Uint8Array, size: number): Uint8Array => zstdDecompressSync(bytes, { maxOutputLength: size })
