import type { Transport } from './types.ts'

/**
 * The life of a client without its I/O: `step(state, event)` gives the next state and what is to be done.
 *
 *                     opened
 *   begin ─▶ connecting ───▶ open ──ended──▶ closed ◀──close── any
 *             ▲ ▲   │ │       │ │ └─refused, upgrade─▶ connecting
 *     elapsed │ │   │ │ broken│ │
 *             │ └───┘ ▼       │ └─fatal──▶ stopped
 *            waiting ◀────────┘
 *
 * `auto` tries a WebSocket first. Where that does not open a POST is tried at once: it works, or tells the reason.
 */

export type Phase = 'connecting' | 'open' | 'waiting' | 'stopped' | 'closed'

export interface Session {
  phase: Phase
  transport: Transport
  /** since the last ack */
  failures: number
}

export type SessionEvent =
  | { type: 'opened' }
  /** events were acknowledged */
  | { type: 'progress' }
  | { type: 'broken'; retryAfterMs?: number }
  /** connect again at once: an event is to be left out, a batch to be cut. Without progress not for ever */
  | { type: 'again' }
  | { type: 'upgrade' }
  | { type: 'fatal' }
  | { type: 'ended' }
  | { type: 'elapsed' }
  | { type: 'close' }

export type SessionEffect = { type: 'dial' } | { type: 'wait'; ms: number } | { type: 'hang_up' } | undefined

export interface SessionConfig {
  transport: Transport | 'auto'
  retryMinMs: number
  retryMaxMs: number
  /** 0 to 1 */
  random: () => number
}

type Handler<E> = (state: Session, event: E, config: SessionConfig) => [Session, SessionEffect]
type Row = { [Type in SessionEvent['type']]: Handler<Extract<SessionEvent, { type: Type }>> }

export function begin(transport: Transport | 'auto'): Session {
  return { phase: 'connecting', transport: transport === 'auto' ? 'websocket' : transport, failures: 0 }
}

export function step(state: Session, event: SessionEvent, config: SessionConfig): [Session, SessionEffect] {
  return (
    (table[state.phase][event.type] as Handler<SessionEvent> | undefined)?.(state, event, config) ?? [state, undefined]
  )
}

const to =
  (phase: Phase, type: 'dial' | 'hang_up'): Handler<SessionEvent> =>
  state => [{ ...state, phase }, { type }]
const dial = to('connecting', 'dial')
const stop = to('stopped', 'hang_up')
const end = to('closed', 'hang_up')

/** Doubles with every failure; half of it is chance, so that clients do not come back all at once. */
const wait: Handler<{ type: 'broken'; retryAfterMs?: number }> = (state, { retryAfterMs = 0 }, config) => {
  const longest = Math.min(config.retryMaxMs, config.retryMinMs * 2 ** state.failures)
  const ms = Math.max(retryAfterMs, (longest * (1 + config.random())) / 2)
  const transport = config.transport === 'auto' ? 'websocket' : state.transport
  return [
    { phase: 'waiting', transport, failures: state.failures + 1 },
    { type: 'wait', ms },
  ]
}

const again: Handler<SessionEvent> = (state, _event, config) =>
  state.failures < atOnce
    ? [{ ...state, phase: 'connecting', failures: state.failures + 1 }, { type: 'dial' }]
    : wait(state, { type: 'broken' }, config)
/** connections in a row without progress that are followed by the next at once */
const atOnce = 20

const upgrade: Handler<SessionEvent> = state => [
  { ...state, phase: 'connecting', transport: 'websocket' },
  { type: 'dial' },
]

const moved: Handler<SessionEvent> = state => [state.failures === 0 ? state : { ...state, failures: 0 }, undefined]

/** What is not here changes nothing. */
const table: Record<Phase, Partial<Row>> = {
  connecting: {
    opened: state => [{ ...state, phase: 'open' }, undefined],
    progress: moved,
    broken: (state, event, config) =>
      config.transport === 'auto' && state.transport === 'websocket'
        ? [{ ...state, transport: 'post' }, { type: 'dial' }]
        : wait(state, event, config),
    again,
    fatal: stop,
    ended: (state, _event, config) => wait(state, { type: 'broken' }, config),
    close: end,
  },
  open: {
    progress: moved,
    broken: wait,
    again,
    upgrade,
    fatal: stop,
    ended: end,
    close: end,
  },
  waiting: { elapsed: dial, fatal: stop, close: end },
  stopped: { close: end },
  closed: {},
}
