/**
 * One WebSocket of events, as a pure machine for both protocols:
 *
 *   opening ──opened──▶ open ──verdict──▶ draining ──all stored──▶ closed
 *      │                 │  ▲ stored: ack, next append    │
 *      ├──refused────────┼──┴───── failed ────────────────┼──▶ closed
 *      └──peer_closed────┴──▶ leaving ──all stored────────┴──▶ closed
 *
 * One append is on its way at a time, so that nothing is stored behind an append that failed. What was received before
 * a verdict (end, bad event, stop of the gateway) is stored and acknowledged first; what was received before the peer
 * went away is stored too.
 */

export type Phase = 'opening' | 'open' | 'draining' | 'leaving' | 'closed'

/** How a socket ends: the close frame, and before it the error frame of `millrace.v1`. */
export interface Verdict {
  code: number
  /** never empty; at most 123 bytes of it are sent */
  reason: string
  error?: { code: string; message: string; index?: number; retry_after_ms?: number }
}

export interface Session {
  phase: Phase
  /** events framed, and not yet on their way; their bytes */
  waiting: number
  waitingBytes: number
  /** events on their way to the store; their bytes */
  inFlight: number
  inFlightBytes: number
  /** an append (or the opening) has not been answered */
  busy: boolean
  paused: boolean
  /** the token is over its rate: nothing more is read, what was received is stored */
  limited: boolean
  count: number
  verdict: Verdict | undefined
}

export interface SessionLimits {
  /** events of one append */
  batch: number
  /** bytes held for one socket before it is not read any more */
  highWater: number
}

export type SessionEvent =
  | { type: 'opened'; count: number }
  | { type: 'received'; events: number; bytes: number }
  | { type: 'verdict'; verdict: Verdict }
  | { type: 'limited' }
  | { type: 'allowed' }
  | { type: 'stored'; count: number }
  | { type: 'failed'; verdict: Verdict }
  | { type: 'peer_closed' }

export type SessionEffect =
  | { type: 'greet'; count: number }
  | { type: 'append'; events: number }
  /** `before`: the count that was acknowledged last */
  | { type: 'ack'; before: number; count: number }
  | { type: 'close'; verdict: Verdict }
  | { type: 'pause' }
  | { type: 'resume' }
  /** nothing of this socket is left: forget it, and mark its stream closed */
  | { type: 'release' }

export const begin = (): Session => ({
  phase: 'opening',
  waiting: 0,
  waitingBytes: 0,
  inFlight: 0,
  inFlightBytes: 0,
  busy: true,
  paused: false,
  limited: false,
  count: 0,
  verdict: undefined,
})

/** The next state is `session` itself, changed; the effects are to be carried out in their order. */
export function step(session: Session, event: SessionEvent, limits: SessionLimits): SessionEffect[] {
  if (session.phase === 'closed') return []
  const effects: SessionEffect[] = []
  switch (event.type) {
    case 'opened':
      session.busy = false
      session.count = event.count
      if (session.phase === 'opening') session.phase = session.verdict === undefined ? 'open' : 'draining'
      if (session.phase !== 'leaving') effects.push({ type: 'greet', count: event.count })
      break
    case 'received':
      if (session.phase !== 'opening' && session.phase !== 'open') return []
      if (session.verdict !== undefined) return []
      session.waiting += event.events
      session.waitingBytes += event.bytes
      break
    case 'verdict':
      if (session.verdict !== undefined || session.phase === 'leaving') return []
      session.verdict = event.verdict
      if (session.phase === 'open') session.phase = 'draining'
      break
    case 'limited':
      session.limited = true
      break
    case 'allowed':
      session.limited = false
      break
    case 'stored': {
      const before = session.count
      session.busy = false
      session.inFlight = 0
      session.inFlightBytes = 0
      session.count = Math.max(before, event.count)
      if (event.count > before && session.phase !== 'leaving') effects.push({ type: 'ack', before, count: event.count })
      break
    }
    case 'failed':
      if (session.phase !== 'leaving') effects.push({ type: 'close', verdict: event.verdict })
      return end(session, effects)
    case 'peer_closed':
      session.phase = 'leaving'
      break
  }
  return goOn(session, effects, limits)
}

function goOn(session: Session, effects: SessionEffect[], limits: SessionLimits): SessionEffect[] {
  if (!session.busy && session.waiting > 0) {
    const events = Math.min(session.waiting, limits.batch)
    // the bytes of a part are not known here: an even share is close enough for a bound
    const bytes = Math.ceil((session.waitingBytes * events) / session.waiting)
    session.waiting -= events
    session.waitingBytes -= bytes
    session.inFlight = events
    session.inFlightBytes = bytes
    session.busy = true
    effects.push({ type: 'append', events })
  }
  if (!session.busy && session.phase === 'draining') {
    effects.push({ type: 'close', verdict: session.verdict! })
    return end(session, effects)
  }
  if (!session.busy && session.phase === 'leaving') return end(session, effects)
  const held = session.waitingBytes + session.inFlightBytes
  const reads = session.phase === 'opening' || session.phase === 'open'
  if (reads && !session.paused && (session.limited || held >= limits.highWater)) {
    session.paused = true
    effects.push({ type: 'pause' })
  } else if (reads && session.paused && !session.limited && held < limits.highWater / 2) {
    session.paused = false
    effects.push({ type: 'resume' })
  }
  return effects
}

function end(session: Session, effects: SessionEffect[]): SessionEffect[] {
  session.phase = 'closed'
  session.waiting = 0
  session.waitingBytes = 0
  effects.push({ type: 'release' })
  return effects
}
