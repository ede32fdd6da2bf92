import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Log } from '../../../core/telemetry/event.ts'
import { acceptEncoding, encodingOf } from './compression.ts'
import type { GrpcCall, GrpcMethod, GrpcServices, Send } from './contract.ts'
import { frameOf } from './frames.ts'
import type { Held } from './held.ts'
import { createInbox, type Inbox } from './inbox.ts'
import { type CallHead, createCall, methodOf, refusalOf, timeoutOf } from './request.ts'
import { type GrpcCode, GrpcError, grpcStatus, trailersOf } from './status.ts'

export interface CallDeps {
  services: GrpcServices
  admit: ((call: GrpcCall) => void) | undefined
  onEnd: ((call: GrpcCall, code: GrpcCode, message: string) => void) | undefined
  maxMessageBytes: number
  receiveTimeoutMs: number
  held: Held
  log: Log
  stopping: AbortSignal
}

/** A call that is served. */
export interface OpenCall {
  /** Ends it now, whatever its handler does. */
  fail(error: GrpcError): void
  /** The server stops: a stream gets no message any more, a unary call goes on. */
  stop(): void
  /** To be called now and then: ends what stopped to arrive, and cuts what nobody fetches. */
  sweep(now: number): void
  /** Resolves once its handler has settled. */
  readonly settled: Promise<void>
}

const responseHead = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': acceptEncoding,
} as const

/** A stream whose call is over has this long to be closed by the peer. */
const lingerMs = 5000
/** longest that a timer can wait */
const maxTimerMs = 2 ** 31 - 1

/** Serves one HTTP/2 stream as a gRPC call. */
export function serveCall(stream: ServerHttp2Stream, head: CallHead, deps: CallDeps): OpenCall {
  const { log } = deps
  const call = createCall(head, deps.stopping)
  const name = `${call.service}/${call.method}`
  let over: GrpcError | 'ok' | undefined
  let overAt = 0
  let kind: GrpcMethod['kind'] | undefined
  let inbox: Inbox | undefined
  let deadline: ReturnType<typeof setTimeout> | undefined
  let trailers: Record<string, string> = {}

  stream.on('wantTrailers', () => {
    stream.sendTrailers(trailers)
    hush(stream)
  })
  stream.on('close', () =>
    fail(new GrpcError(grpcStatus.cancelled, 'the call was cancelled, or its connection is lost')),
  )

  function respond(): void {
    if (!stream.headersSent) stream.respond(responseHead, { waitForTrailers: true })
  }

  /** The one end of the call. */
  function finish(error: GrpcError | undefined, answer?: Uint8Array): void {
    if (over !== undefined) return
    over = error ?? 'ok'
    overAt = performance.now()
    clearTimeout(deadline)
    if (error !== undefined) log.debug('grpc.call.refuse', { call: name, code: error.code, message: error.message })
    deps.onEnd?.(call, error?.code ?? grpcStatus.ok, error?.message ?? '')
    if (stream.closed || stream.destroyed) return
    trailers = trailersOf(error)
    if (error !== undefined && !stream.headersSent) {
      stream.respond({ ...responseHead, ...trailers }, { endStream: true })
      hush(stream)
      return
    }
    respond()
    if (answer === undefined) stream.end()
    else stream.end(frameOf(answer))
  }

  function fail(error: GrpcError): void {
    if (over !== undefined) return
    finish(error)
    call.abort(error)
    inbox?.abort(error)
  }

  const ended = (cause?: unknown) =>
    over instanceof GrpcError ? over : new GrpcError(grpcStatus.cancelled, 'the call is over', [], cause)

  const send: Send = message => {
    if (over !== undefined) return Promise.reject(ended())
    respond()
    return new Promise((resolve, reject) => {
      stream.write(frameOf(message), error => {
        if (error) reject(ended(error))
        else resolve()
      })
    })
  }

  async function run(): Promise<void> {
    try {
      const method = methodOf(deps.services, call)
      kind = method.kind
      const encoding = encodingOf(call.header('grpc-encoding'))
      const ms = timeoutOf(call.header('grpc-timeout'))
      deps.admit?.(call)
      const late = () => fail(new GrpcError(grpcStatus.deadline_exceeded, `the deadline of ${ms} ms is over`))
      if (ms !== undefined && ms <= maxTimerMs) deadline = setTimeout(late, ms)
      const { maxMessageBytes, held } = deps
      inbox = createInbox(stream, { encoding, maxMessageBytes, held, mayRest: kind === 'bidi' })
      finish(undefined, await handle(method, call, inbox, send))
    } catch (error) {
      finish(toGrpcError(error))
    } finally {
      inbox?.release()
      inbox?.abort(ended())
    }
  }

  function toGrpcError(error: unknown): GrpcError {
    if (error instanceof GrpcError) return error
    log.error('grpc.call.fail', { call: name, error })
    const text = error instanceof Error ? error.message : String(error)
    return new GrpcError(grpcStatus.internal, `unexpected failure: ${text}`, [], error)
  }

  return {
    fail,
    stop() {
      if (kind === 'bidi') inbox?.abort(stopped())
    },
    sweep(now) {
      const since = inbox?.stalledSince
      if (over !== undefined) {
        if (now - overAt > lingerMs) stream.close(constants.NGHTTP2_NO_ERROR)
      } else if (since !== undefined && now - since > deps.receiveTimeoutMs)
        fail(new GrpcError(grpcStatus.deadline_exceeded, `nothing of the request came for ${deps.receiveTimeoutMs} ms`))
    },
    settled: run(),
  }
}

async function handle(method: GrpcMethod, call: GrpcCall, inbox: Inbox, send: Send): Promise<Uint8Array | undefined> {
  if (method.kind === 'bidi') {
    await method.handle(call, messagesOf(inbox), send)
    return undefined
  }
  const message = await inbox.next()
  if (message === undefined || (await inbox.next()) !== undefined)
    throw new GrpcError(
      grpcStatus.unimplemented,
      `${call.service}/${call.method} takes one message, and got ${message === undefined ? 'none' : 'more'}`,
    )
  return method.handle(call, message)
}

async function* messagesOf(inbox: Inbox): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  for (;;) {
    const message = await inbox.next()
    if (message === undefined) return undefined
    yield message
    inbox.release()
  }
}

export const stopped = () =>
  new GrpcError(grpcStatus.unavailable, 'the server is stopping: connect again in a few seconds')

/** Answers what is no gRPC as HTTP, and says whether it did. */
export function refuseHttp(stream: ServerHttp2Stream, head: CallHead): boolean {
  const refusal = refusalOf(head.headers)
  if (refusal === undefined) return false
  stream.respond({ ':status': refusal.status, 'content-type': 'text/plain' })
  stream.end(`${refusal.message}\n`)
  hush(stream)
  return true
}

/** The response is complete: a peer that still sends is told to stop (RFC 9113 section 8.1), after what was written. */
function hush(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return
  stream.resume()
  setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR))
}
