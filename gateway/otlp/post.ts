import { AppError, toAppError } from '../../core/errors.ts'
import type { Signal } from '../../core/otlp/records.ts'
import { exportResponse, rpcStatus } from '../../core/otlp/response.ts'
import { header, mediaType } from '../../core/protocol.ts'
import { Aborted, askerOf, type Exchange, errorHeaders } from '../exchange.ts'
import { readStreamParams } from '../params.ts'
import { corsHeaders, countRefusal, type PostDeps, tooLarge } from '../post.ts'
import type { Held } from './held.ts'
import type { OtlpIntake, OtlpRequest } from './intake.ts'

/** `/v1/logs`, `/v1/traces`, `/v1/metrics`: OTLP/HTTP (OTLP specification 1.x, section OTLP/HTTP). */
export interface OtlpPostDeps extends PostDeps {
  intake: OtlpIntake
  held: Held
}

type Format = OtlpRequest['format']

const formats: Record<string, Format> = {
  'application/x-protobuf': 'protobuf',
  'application/protobuf': 'protobuf',
  'application/otlp': 'protobuf',
  'application/json': 'json',
  'application/otlp+json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
}

/** Answers one request. Never rejects. */
export async function postOtlp(exchange: Exchange, deps: OtlpPostDeps, signal: Signal): Promise<void> {
  const type = exchange.header('content-type') ?? ''
  const format = formats[type.split(';', 1)[0]!.trim().toLowerCase()]
  const cors = corsHeaders(exchange, deps.auth)
  const holding = deps.held.begin()
  try {
    await take(exchange, deps, signal, format, type, cors, holding)
  } catch (thrown) {
    if (thrown instanceof Aborted) return
    refuse(exchange, deps, toAppError(thrown), format ?? 'json', cors)
  } finally {
    holding.release()
  }
}

async function take(
  exchange: Exchange,
  deps: OtlpPostDeps,
  signal: Signal,
  format: Format | undefined,
  type: string,
  cors: Record<string, string>,
  holding: ReturnType<Held['begin']>,
): Promise<void> {
  const unready = deps.stopping() ?? deps.ingest.stalled()
  if (unready !== undefined) throw unready
  const identity = deps.auth.authorize(askerOf(exchange), 'ingest')
  if (format === undefined)
    throw new AppError(
      'unsupported_media_type',
      `the Content-Type is ${JSON.stringify(type)}: it can be ${Object.keys(formats).join(', ')}`,
    )
  const params = readStreamParams(exchange)
  const length = Number(exchange.header('content-length') ?? Number.NaN)
  if (length > deps.maxBodyBytes) throw tooLarge(length, deps.maxBodyBytes)
  deps.auth.checkRate(identity)

  const body = await readWhole(exchange, deps.maxBodyBytes, holding)
  const outcome = await deps.intake.take({
    signal,
    format,
    body,
    identity,
    params,
    transport: 'otlp-http',
    connection: exchange.connection,
    headers: () => exchange.headersJson(),
    remoteAddr: exchange.remoteAddr,
  })
  const encoding = format === 'protobuf' ? 'protobuf' : 'json'
  const fields = {
    'content-type': contentType(encoding),
    [header.stream]: encodeURIComponent(outcome.stream),
    [header.count]: String(outcome.count),
    ...cors,
  }
  exchange.respond(200, fields, exportResponse(signal, encoding, outcome.rejected, outcome.message))
}

/** The whole body in one piece: a request is decoded and stored as one. */
async function readWhole(exchange: Exchange, most: number, holding: ReturnType<Held['begin']>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  await exchange.read(chunk => {
    holding.add(chunk.length)
    chunks.push(chunk)
    bytes += chunk.length
    return undefined
  }, most)
  if (chunks.length === 1) return chunks[0]!
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

const contentType = (encoding: 'protobuf' | 'json') =>
  encoding === 'protobuf' ? 'application/x-protobuf' : mediaType.json

/** Disk full is 503 here: an exporter drops its data for good on anything that the specification does not call retryable. */
const statusOf = (error: AppError) => (error.code === 'disk_full' ? 503 : error.status)

function refuse(
  exchange: Exchange,
  deps: OtlpPostDeps,
  error: AppError,
  format: Format,
  cors: Record<string, string>,
): void {
  countRefusal(deps.metrics, 'otlp-http', error)
  deps.log(error)
  const encoding = format === 'protobuf' ? 'protobuf' : 'json'
  const fields: Record<string, string> = { ...errorHeaders(error), 'content-type': contentType(encoding), ...cors }
  if (error.details.count !== undefined) fields[header.count] = String(error.details.count)
  const retryAfter = fields['retry-after'] === undefined ? undefined : Number(fields['retry-after'])
  exchange.respond(statusOf(error), fields, rpcStatus(encoding, error, retryAfter))
}
