import type { RawData, WebSocket } from 'ws'
import { type AppError, toAppError } from '../../core/errors.ts'
import { createFramer, frameMessage } from '../../core/framing/framer.ts'
import type { FramerOptions } from '../../core/framing/framing.ts'
import { ackEvery, closeCode } from '../../core/protocol.ts'
import type { Identity } from '../auth.ts'
import { type Producer, refusal } from '../ingest.ts'
import { createBatch } from './batch.ts'
import { begin, type SessionEffect, type SessionEvent, step, type Verdict } from './session.ts'

/** Bytes that one socket may hold before it is not read any more. */
const highWater = 1024 * 1024
/** Bytes of a message that are framed at a time. */
const sliceBytes = 256 * 1024
/** Events of one append. */
const batchMost = 16_384
/** Above these bytes acks that the peer does not read are left out; the newest goes out once it reads. */
const unreadAcks = 64 * 1024
/** A token over its rate is looked at again after this at the latest; a timer ends at 2^31 ms. */
const rateMostMs = 60_000

export interface SocketOptions {
  protocol: 'websocket' | 'millrace.v1'
  identity: Identity
  /** opens the stream; `producer` continues at its count */
  open: () => Promise<{ producer: Producer; count: number; streamId: number }>
  epoch: number | undefined
  onBad: 'stop' | 'dead_letter'
  framing: Pick<FramerOptions, 'maxEventBytes' | 'maxDepth'>
  /** the socket is done; its stream, where it has one, is no longer connected */
  onRelease: (streamId: number) => void
  onError: (error: AppError) => void
}

export interface Socket {
  /** The gateway stops: what was received is stored and acknowledged, then Close 1001. */
  stop(): void
}

/** Carries out what the session machine decides, on a real socket. */
export function runSocket(ws: WebSocket, options: SocketOptions): Socket {
  const { protocol, identity, framing, onBad } = options
  const plain = protocol === 'websocket'
  const limits = { batch: batchMost, highWater }
  const session = begin()
  const batch = createBatch()
  let producer: Producer | undefined
  let streamId = 0
  /** events of this socket before the message that is looked at */
  let received = 0
  /** the count that the peer was sent last */
  let told = 0
  /** an ack is on its way to a peer that does not read; what is left out goes out behind it */
  let behind = false
  let rateTimer: NodeJS.Timeout | undefined
  let reported = false

  function tell(event: SessionEvent): void {
    for (const effect of step(session, event, limits)) carryOut(effect)
  }

  function carryOut(effect: SessionEffect): void {
    switch (effect.type) {
      case 'greet':
        told = effect.count
        if (!plain) send({ type: 'open', stream: producer!.key, count: effect.count })
        break
      case 'append':
        void append(effect.events)
        break
      case 'ack':
        acknowledge(effect.before)
        break
      case 'close':
        if (told < session.count) ack()
        if (!plain && effect.verdict.error !== undefined) send({ type: 'error', ...effect.verdict.error })
        ws.close(effect.verdict.code, effect.verdict.reason)
        ws.resume()
        break
      case 'pause':
        ws.pause()
        break
      case 'resume':
        ws.resume()
        break
      case 'release':
        clearTimeout(rateTimer)
        forget()
        options.onRelease(streamId)
        break
    }
  }

  /** `before`: the count before the commit; undefined: before those that the peer did not read of */
  function acknowledge(before?: number): void {
    if (behind) return
    if (ws.bufferedAmount > unreadAcks) {
      behind = true
      ack(() => {
        behind = false
        if (told < session.count && session.phase === 'open') acknowledge()
      })
      return
    }
    // a peer that counts on an ack every 256 events gets them all, also where one commit held more
    if (plain && before !== undefined && before === told)
      for (let step = before + ackEvery.events; step < session.count; step += ackEvery.events) ws.send(String(step))
    ack()
  }

  /** All that is stored so far. */
  function ack(onWritten?: () => void): void {
    const { count } = session
    told = count
    if (plain) ws.send(String(count), onWritten)
    else {
      const { duplicates, rejected } = producer!.totals
      ws.send(JSON.stringify({ type: 'ack', count, duplicates, rejected }), onWritten)
    }
  }

  function send(frame: Record<string, unknown>): void {
    ws.send(JSON.stringify(frame))
  }

  async function open(): Promise<void> {
    try {
      const opened = await options.open()
      producer = opened.producer
      streamId = opened.streamId
      tell({ type: 'opened', count: opened.count })
    } catch (error) {
      fail(error)
    }
  }

  async function append(events: number): Promise<void> {
    const { frames, release } = batch.take(events)
    try {
      const outcome = await producer!.append(frames, false)
      release()
      if (!outcome.ok) throw refusal(producer!.key, outcome, { epoch: options.epoch })
      tell({ type: 'stored', count: outcome.count })
      obeyRate()
    } catch (error) {
      fail(error)
    }
  }

  /** A token over its rate is slowed down: what it sent is stored and acknowledged, and no more of it is read. */
  function obeyRate(): void {
    if (session.phase === 'closed') return
    const wait = identity.wait()
    if (wait > 0) {
      if (!session.limited) tell({ type: 'limited' })
      rateTimer ??= setTimeout(lookAgain, Math.min(wait * 1000, rateMostMs)).unref()
    } else if (session.limited) tell({ type: 'allowed' })
  }

  function lookAgain(): void {
    rateTimer = undefined
    obeyRate()
  }

  /** A socket fails once, whatever else goes wrong on its way out. */
  function report(error: AppError): void {
    if (!reported) options.onError(error)
    reported = true
  }

  function fail(thrown: unknown): void {
    const error = toAppError(thrown)
    report(error)
    tell({ type: 'failed', verdict: verdictOf(error) })
  }

  function onMessage(data: RawData, isBinary: boolean): void {
    const message = data as Buffer
    if (session.verdict !== undefined) return
    if (isBinary && message.length === 0)
      tell({ type: 'verdict', verdict: { code: closeCode.end, reason: 'end of stream' } })
    else if (plain) onEvent(message)
    else onBatch(message)
  }

  function onEvent(message: Buffer): void {
    const found = frameMessage(message, framing)
    if ('code' in found) {
      if (onBad === 'stop' || found.code === 'event_too_large') {
        bad(found.code, found.message, received)
        return
      }
      batch.add(message, 0, message.length, found)
      tell({ type: 'received', events: 1, bytes: message.length })
    } else {
      batch.add(message, found.start, found.end)
      tell({ type: 'received', events: 1, bytes: found.end - found.start })
    }
    received++
  }

  function onBatch(message: Buffer): void {
    const framer = createFramer({ ...framing, onBad, sizeHint: Math.min(message.length, sliceBytes) })
    // in slices: a message of nothing but bad lines would make millions of dead letters at once
    for (let at = 0; at < message.length && framer.failure === undefined; at += sliceBytes) {
      framer.push(message.subarray(at, at + sliceBytes))
      if (at + sliceBytes >= message.length) framer.end()
      const frames = framer.take()
      if (frames === undefined) continue
      batch.addFrames(frames)
      received += frames.count
      tell({ type: 'received', events: frames.count, bytes: frames.bytes.length })
    }
    if (framer.failure !== undefined) bad(framer.failure.code, framer.failure.message, received)
  }

  function bad(code: AppError['code'], message: string, index: number): void {
    tell({
      type: 'verdict',
      verdict: {
        code: code === 'event_too_large' ? closeCode.tooBig : closeCode.badEvent,
        reason: cut(`${code}: ${message}`),
        error: { code, message, index },
      },
    })
  }

  const forget = identity.onEnd(error => {
    report(error)
    tell({ type: 'verdict', verdict: verdictOf(error) })
  })
  ws.on('message', onMessage)
  ws.on('close', () => tell({ type: 'peer_closed' }))
  // ws closes the socket itself after a protocol error; 'close' follows
  ws.on('error', () => {})
  void open()

  return {
    stop: () =>
      tell({
        type: 'verdict',
        verdict: {
          code: closeCode.stopping,
          reason: 'the gateway stops: connect again and resume at the acknowledged count',
        },
      }),
  }
}

/** The close frame that tells a client what an error of ours means for it. */
export function verdictOf(error: AppError): Verdict {
  const { code, message, details } = error
  const retry_after_ms = details.retryAfter === undefined ? undefined : details.retryAfter * 1000
  const close =
    code === 'fenced' || code === 'gap' || code === 'unauthorized' || code === 'forbidden' || code === 'bad_request'
      ? closeCode.policy
      : code === 'stopping'
        ? closeCode.stopping
        : code === 'internal'
          ? closeCode.internal
          : closeCode.tryLater
  return { code: close, reason: cut(`${code}: ${message}`), error: { code, message, retry_after_ms } }
}

/** RFC 6455 section 5.5.1: a reason has at most 123 bytes. */
function cut(reason: string): string {
  let text = reason
  while (new TextEncoder().encode(text).length > 123) text = text.slice(0, Math.min(text.length - 1, 123))
  return text
}
