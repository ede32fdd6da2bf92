import { AppError, toAppError } from '../core/errors.ts'
import { createFramer } from '../core/framing/framer.ts'
import type { FramerOptions } from '../core/framing/framing.ts'
import { uuid7 } from '../core/id.ts'
import { mediaType } from '../core/protocol.ts'
import type { Auth } from './auth.ts'
import { Aborted, askerOf, type Exchange, errorBody, errorHeaders } from './exchange.ts'
import { type Ingest, refusal } from './ingest.ts'
import type { IngestMetrics, Transport } from './metrics.ts'
import { readStreamParams } from './params.ts'

/** Framed bytes that make an append of a long body worth while, and those at which reading waits for the store. */
const segmentBytes = 256 * 1024
const holdBytes = 1024 * 1024
/** Events of a body that trickles in wait at most this long for more. */
const patienceMs = 50

export interface PostDeps {
  auth: Auth
  ingest: Ingest
  metrics: IngestMetrics
  /** undefined while the gateway takes requests */
  stopping: () => AppError | undefined
  framing: Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'>
  maxBodyBytes: number
  log: (error: AppError) => void
}

export interface PostRoute {
  /** `/`: a 200 is the bare count unless JSON is asked for */
  bareCount: boolean
  /** `/v1/events`: a top-level array sent as application/json is a batch */
  arrays: boolean
}

/** Answers one POST of events. Never rejects. */
export async function post(exchange: Exchange, deps: PostDeps, route: PostRoute): Promise<void> {
  const cors = corsHeaders(exchange, deps.auth)
  try {
    await take(exchange, deps, route, cors)
  } catch (thrown) {
    if (thrown instanceof Aborted) return
    refuse(exchange, deps, toAppError(thrown), cors)
  }
}

function refuse(exchange: Exchange, deps: PostDeps, error: AppError, cors: Record<string, string>): void {
  countRefusal(deps.metrics, 'http', error)
  deps.log(error)
  exchange.respond(error.status, { ...errorHeaders(error), ...cors }, `${JSON.stringify(refusalBody(error))}\n`)
}

/** Of a request of which nothing was taken. */
export function refusalBody(error: AppError): Record<string, unknown> {
  const { stream = null, count = 0 } = error.details
  return { ...errorBody(error), stream, count, accepted: 0, duplicates: 0, rejected: 0, errors: [] }
}

async function take(exchange: Exchange, deps: PostDeps, route: PostRoute, cors: Record<string, string>): Promise<void> {
  const stopping = deps.stopping() ?? deps.ingest.stalled()
  if (stopping !== undefined) throw stopping
  const identity = deps.auth.authorize(askerOf(exchange), 'ingest')
  const params = readStreamParams(exchange)
  const length = Number(exchange.header('content-length') ?? Number.NaN)
  if (length > deps.maxBodyBytes) throw tooLarge(length, deps.maxBodyBytes)
  deps.auth.checkRate(identity)

  const framer = createFramer({
    ...deps.framing,
    onBad: params.onBad,
    arrayIsBatch: route.arrays && isJson(exchange.header('content-type')),
    sizeHint:
      Number.isNaN(length) || exchange.header('content-encoding') !== undefined
        ? undefined
        : Math.min(length, holdBytes),
  })
  const producer = deps.ingest.producer({
    identity,
    transport: 'http',
    key: params.key ?? uuid7(),
    opening: { transport: 'http', headers: exchange.headersJson(), remoteAddr: exchange.remoteAddr },
    epoch: params.epoch,
    offset: params.offset,
  })
  const own = params.key === undefined
  const progress = exchange.header('accept')?.includes(mediaType.ndjson)
    ? exchange.stream({ 'content-type': mediaType.ndjson, ...cors })
    : undefined

  let failure: AppError | undefined
  let inFlight: Promise<void> | undefined
  let appended = false
  let received = 0
  let complete = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let forget: (() => void) | undefined

  async function append(last: boolean): Promise<void> {
    const frames = framer.take()
    if (frames === undefined && !(last && !own && !appended)) return
    appended = true
    const outcome = await producer.append(frames, last && own)
    if (!outcome.ok) throw refusal(producer.key, outcome, params)
    if (!last) progress?.write(`{"count":${outcome.count}}\n`)
  }

  function sink(chunk: Uint8Array): Promise<void> | undefined {
    if (failure !== undefined) throw failure
    framer.push(chunk)
    received += chunk.length
    if (framer.failure !== undefined) throw new Stop()
    if (framer.framed >= segmentBytes) flush()
    else if (framer.framed > 0 && received !== length) timer ??= setTimeout(flush, patienceMs)
    return framer.framed < holdBytes ? undefined : inFlight
  }

  /** The end of the token ends a body that is still being sent, though its sender may rest. */
  function watch(): void {
    forget ??= identity.onEnd(why => {
      failure ??= why
      exchange.cancel(why)
    })
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    watch()
    inFlight ??= append(false)
      .catch(error => {
        failure = toAppError(error)
        // the sender is told at once, not when its next chunk comes
        exchange.cancel(failure)
      })
      .finally(() => {
        inFlight = undefined
        if (framer.framed > 0 && !complete) timer ??= setTimeout(flush, patienceMs)
      })
  }

  if (progress !== undefined) watch()
  try {
    await exchange.read(sink, deps.maxBodyBytes)
    framer.end()
  } catch (error) {
    if (error instanceof Aborted) throw error
    if (!(error instanceof Stop)) failure ??= toAppError(error)
  } finally {
    complete = true
    clearTimeout(timer)
    forget?.()
  }
  if (inFlight !== undefined) await inFlight
  try {
    if (failure === undefined || isBodyError(failure)) await append(true)
  } catch (error) {
    failure = toAppError(error)
  }
  const bad = failure === undefined ? framer.failure : undefined
  if (bad !== undefined) failure = new AppError(bad.code, bad.message)

  reply()

  function reply(): void {
    const { totals } = producer
    const known = own || totals.streamId !== 0 || failure === undefined
    const stream = appended || !own ? producer.key : null
    const taken = totals.accepted + totals.duplicates + totals.rejected
    const body = {
      ...(failure === undefined ? {} : errorBody(failure)),
      stream,
      // a stream of its own holds what was confirmed; of a named one only the store knows
      count: known ? totals.count : failure?.details.count,
      accepted: totals.accepted,
      duplicates: totals.duplicates,
      rejected: totals.rejected + (bad === undefined ? 0 : 1),
      // not those of values that were not taken, since what came before them was refused
      errors: framer.bad
        .filter(value => value === bad || value.index < taken)
        .map(({ index, line, code, message }) => ({ index, line, code, message })),
    }
    if (failure !== undefined) {
      countRefusal(deps.metrics, 'http', failure)
      deps.log(failure)
    }
    if (progress !== undefined) {
      progress.end(`${JSON.stringify(body)}\n`)
    } else if (failure !== undefined) {
      exchange.respond(failure.status, { ...errorHeaders(failure), ...cors }, `${JSON.stringify(body)}\n`)
    } else if (route.bareCount && !isJson(exchange.header('accept'))) {
      exchange.respond(200, { 'content-type': mediaType.text, ...cors }, String(totals.count))
    } else {
      exchange.respond(200, { 'content-type': mediaType.json, ...cors }, `${JSON.stringify(body)}\n`)
    }
  }
}

/** Ends the reading of a body whose framing failed. */
class Stop extends Error {}

const isJson = (value: string | undefined) => value?.toLowerCase().includes(mediaType.json) ?? false

/** The body broke off, but what came before it is whole. */
const isBodyError = ({ code }: AppError) => code === 'bad_encoding' || code === 'body_too_large'

export const tooLarge = (bytes: number, limit: number) =>
  new AppError(
    'body_too_large',
    `the body has ${bytes} bytes, the limit is ${limit}: send it in several requests of one stream`,
  )

export function corsHeaders(exchange: Pick<Exchange, 'header'>, auth: Auth): Record<string, string> {
  const origin = auth.allowedOrigin(exchange.header('origin'))
  return origin === undefined
    ? {}
    : {
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'millrace-count, millrace-epoch, millrace-next, retry-after',
        vary: 'origin',
      }
}

export function countRefusal(metrics: IngestMetrics, transport: Transport, error: AppError): void {
  const known = ['400', '401', '403', '409', '413', '415', '429', '500', '503', '507'] as const
  const status = known.find(s => s === String(error.status)) ?? 'other'
  metrics.refusals.with({ transport, status }).add(1)
}
