import { AppError } from '../../core/errors.ts'
import { jsonToOtlp, ndjsonToOtlp } from '../../core/otlp/json/json.ts'
import { decodeOtlp } from '../../core/otlp/protobuf/decode.ts'
import type { OtlpDecodeOptions } from '../../core/otlp/protobuf/request.ts'
import type { Records, Signal } from '../../core/otlp/records.ts'
import type { Identity } from '../auth.ts'
import { type Ingest, refusal } from '../ingest.ts'
import type { StreamParams } from '../params.ts'
import { recordsBytes } from '../store/records.ts'
import type { Opening } from '../store/store.ts'
import type { Connections } from './connections.ts'
import { requestDigest } from './digest.ts'
import type { Held } from './held.ts'

/** What a request of OpenTelemetry data is, whichever way it came. */
export interface OtlpRequest {
  signal: Signal
  format: 'protobuf' | 'json' | 'ndjson'
  /** inflated */
  body: Uint8Array
  identity: Identity
  params: Pick<StreamParams, 'key' | 'offset' | 'epoch'>
  transport: 'otlp-http' | 'otlp-grpc'
  /** requests of one connection share a stream unless they name one */
  connection: object
  /** JSON text of the headers of the request, which may begin a stream; asked for only once its body is decoded */
  headers: () => string
  remoteAddr: string
}

/** What became of it, once that is durable. */
export interface OtlpOutcome {
  stream: string
  /** of the stream */
  count: number
  /** records of the request */
  positions: number
  /** those that became dead letters */
  rejected: number
  /** why the first of them was refused; empty where none was */
  message: string
}

export interface OtlpIntake {
  /** Resolves after the commit. Rejects with an AppError: nothing of the request is stored, or its fate is unknown. */
  take(request: OtlpRequest): Promise<OtlpOutcome>
}

export interface IntakeDeps {
  ingest: Ingest
  connections: Connections
  decode: OtlpDecodeOptions
  held: Held
  sha256: (bytes: Uint8Array) => Uint8Array
}

export function createIntake({ ingest, connections, decode, held, sha256 }: IntakeDeps): OtlpIntake {
  async function take(request: OtlpRequest): Promise<OtlpOutcome> {
    const { params, body } = request
    if (params.offset !== undefined && params.epoch === undefined)
      throw new AppError(
        'bad_request',
        'an offset of OpenTelemetry data needs the epoch: send Millrace-Epoch too, or no offset',
      )
    const records = toRecords(request.signal, request.format, body, decode)
    // two bytes can be a row of two hundred: rows count, not only the bytes that they came in
    const holding = held.begin()
    try {
      holding.add(recordsBytes(records))
      return await append(request, records)
    } finally {
      holding.release()
    }
  }

  async function append(request: OtlpRequest, records: Records): Promise<OtlpOutcome> {
    const { params, identity, transport, body } = request
    const own = params.key === undefined ? connections.streamOf(request) : undefined
    const opening: Opening = { transport, headers: request.headers(), remoteAddr: request.remoteAddr }
    const producer = ingest.producer({
      identity,
      transport,
      key: params.key ?? own!.key,
      opening,
      epoch: params.epoch,
      offset: params.offset,
    })
    // nothing is left of the records once the store has them
    const message = refusalMessage(records)
    if (records.count === 0 && params.key === undefined)
      return { stream: producer.key, count: own!.count, positions: 0, rejected: 0, message }
    const digest = params.offset === undefined ? undefined : requestDigest(sha256, request.signal, body)
    const outcome = await producer.appendRecords(records, digest)
    if (!outcome.ok) throw refusal(producer.key, outcome, params)
    own?.stored(outcome.streamId, outcome.count)
    return {
      stream: producer.key,
      count: outcome.count,
      positions: records.count,
      rejected: records.dead.length,
      message,
    }
  }

  return { take }
}

function toRecords(
  signal: Signal,
  format: OtlpRequest['format'],
  body: Uint8Array,
  options: OtlpDecodeOptions,
): Records {
  if (format === 'protobuf') return decodeOtlp(signal, body, options)
  const { body: protobuf, refused } =
    format === 'json' ? jsonToOtlp(signal, body, options) : ndjsonToOtlp(signal, body, options)
  return decodeOtlp(signal, protobuf, { ...options, refused })
}

function refusalMessage({ dead, count }: Records): string {
  const [first] = dead
  if (first === undefined) return ''
  return `${dead.length} of ${count} records refused and kept as dead letters; the first is record ${first.at}: ${first.message}`
}
