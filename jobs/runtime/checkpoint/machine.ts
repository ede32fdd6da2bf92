import type { Checkpoint, Position, Positions } from '../contract.ts'
import { PipelineError } from '../errors.ts'

/**
 * The coordinator of checkpoints as a pure function: (state, event) → state, effects. One epoch is in flight at a time.
 *
 *          due, drain,          all positions           recorded               all acks               final
 *          all ended
 *   idle ─────────────▶ asking ──────────────▶ planning ─────────▶ flowing ──────────────▶ closing ──────▶ idle
 *                         │ nothing new                            ▲ begin (a replay)                      │ drained,
 *                         └──────▶ idle or done                    idle                                    ▼ all ended
 *                                                                                                        done
 *   any ── stalled, failed ──▶ failed
 *
 * - asking: each source stops between two batches and says how far it is.
 * - planning: the plan (epoch, from, to) is being recorded, so that the epoch can be read again exactly.
 * - flowing: the markers are on their way behind the rows; each sink publishes on its marker, then acks.
 * - closing: the positions are being recorded as final.
 */
export type State = Idle | Asking | Planning | Flowing | Closing | Done | Failed

interface Common {
  sources: readonly string[]
  sinks: readonly string[]
  /** the last final epoch */
  epoch: number
  /** after that epoch */
  at: Positions
  /** the run shall end */
  draining: boolean
  /** sources that have no more rows */
  ended: ReadonlySet<string>
}
export interface Idle extends Common {
  name: 'idle'
}
export interface Asking extends Common {
  name: 'asking'
  positions: ReadonlyMap<string, Position>
  /** an epoch comes even where no source went on: rows that were injected */
  forced: boolean
}
export interface Planning extends Common {
  name: 'planning'
  checkpoint: Checkpoint
}
export interface Flowing extends Common {
  name: 'flowing'
  checkpoint: Checkpoint
  /** no rows come after its markers */
  last: boolean
  /** sinks whose ack has not come */
  missing: ReadonlySet<string>
}
export interface Closing extends Common {
  name: 'closing'
  checkpoint: Checkpoint
  last: boolean
}
export interface Done extends Common {
  name: 'done'
}
export interface Failed extends Common {
  name: 'failed'
  error: PipelineError
}

export type Event =
  /** time, rows or bytes are up; `forced`: rows were injected */
  | { type: 'due'; forced?: boolean }
  /** the run shall end after one more checkpoint */
  | { type: 'drain' }
  /** a source has no more rows */
  | { type: 'ended'; source: string }
  | { type: 'position'; source: string; epoch: number; position: Position }
  | { type: 'recorded'; epoch: number }
  | { type: 'ack'; sink: string; epoch: number }
  | { type: 'final'; epoch: number }
  /** an epoch that was planned before: it is under way again */
  | { type: 'begin'; checkpoint: Checkpoint }
  /** nothing moved for `checkpoint_timeout_sec` */
  | { type: 'stalled'; seconds: number }
  | { type: 'failed'; error: PipelineError }

export type Effect =
  /** each source stops between two batches and answers with `position` */
  | { do: 'ask'; epoch: number }
  /** nothing was new: the sources go on */
  | { do: 'resume' }
  /** write the plan durably, then `recorded` */
  | { do: 'record'; checkpoint: Checkpoint }
  /** each source hands on the marker; and goes on, unless it is the last */
  | { do: 'mark'; epoch: number; last: boolean }
  /** write the positions durably as final, then `final` */
  | { do: 'close'; checkpoint: Checkpoint }
  /** tell sources and sinks that the epoch is final */
  | { do: 'announce'; checkpoint: Checkpoint }
  /** no more rows will come */
  | { do: 'end' }
  | { do: 'fail'; error: PipelineError }
  | { do: 'warn'; message: string }

export type Step = readonly [State, readonly Effect[]]

export function initial(sources: readonly string[], sinks: readonly string[], epoch: number, at: Positions): Idle {
  return { name: 'idle', sources, sinks, epoch, at, draining: false, ended: new Set() }
}

type EventOf<T extends Event['type']> = Extract<Event, { type: T }>
type StateOf<N extends State['name']> = Extract<State, { name: N }>
type Table = {
  [N in State['name']]: { [T in Event['type']]: (state: StateOf<N>, event: EventOf<T>) => Step }
}

const stay = (state: State): Step => [state, []]
const impossible = (state: State, event: Event): Step => [
  state,
  [{ do: 'warn', message: `${event.type} came while the checkpoint was ${state.name}: ignored` }],
]
/** Late answers of an epoch that is over, or of a sink that has answered. */
const late = impossible
const fail = (state: State, { error }: EventOf<'failed'>): Step => [
  { ...common(state), name: 'failed', error },
  [{ do: 'fail', error }],
]
const drain = <S extends State>(state: S): Step => stay({ ...state, draining: true })
const end = <S extends State>(state: S, { source }: EventOf<'ended'>): Step =>
  stay({ ...state, ended: new Set(state.ended).add(source) })

const common = ({ sources, sinks, epoch, at, draining, ended }: Common): Common => ({
  sources,
  sinks,
  epoch,
  at,
  draining,
  ended,
})

const isLast = ({ draining, ended, sources }: Common): boolean => draining || sources.every(name => ended.has(name))

function ask(state: Common, forced: boolean): Step {
  return [{ ...common(state), name: 'asking', positions: new Map(), forced }, [{ do: 'ask', epoch: state.epoch + 1 }]]
}

/** All sources have answered: a plan, unless nothing is new. */
function plan(state: Asking): Step {
  const to: Record<string, Position> = Object.fromEntries(state.positions)
  const from = Object.fromEntries(state.sources.map(name => [name, state.at[name] ?? {}]))
  const isNew = state.forced || state.sources.some(name => !samePosition(to[name]!, from[name]!))
  if (isNew) {
    const checkpoint = { epoch: state.epoch + 1, from, to }
    return [{ ...common(state), name: 'planning', checkpoint }, [{ do: 'record', checkpoint }]]
  }
  return isLast(state)
    ? [{ ...common(state), name: 'done' }, [{ do: 'end' }]]
    : [{ ...common(state), name: 'idle' }, [{ do: 'resume' }]]
}

function close(state: Closing): Step {
  const { checkpoint } = state
  const next = { ...common(state), epoch: checkpoint.epoch, at: { ...state.at, ...checkpoint.to } }
  const announce: Effect = { do: 'announce', checkpoint }
  if (state.last) return [{ ...next, name: 'done' }, [announce, { do: 'end' }]]
  if (!isLast(next)) return [{ ...next, name: 'idle' }, [announce]]
  // the end was asked for, or came, after the markers had gone out
  const [asking, effects] = ask(next, false)
  return [asking, [announce, ...effects]]
}

function stalled(state: State, { seconds }: EventOf<'stalled'>): Step {
  const error = new PipelineError(
    'timeout',
    `epoch ${state.epoch + 1} made no progress for ${seconds} s${whatIsMissing(state)}: checkpoint_timeout_sec is the limit`,
  )
  return fail(state, { type: 'failed', error })
}

function whatIsMissing(state: State): string {
  switch (state.name) {
    case 'asking':
      return `: no position of source ${quoted(state.sources.filter(name => !state.positions.has(name)))}`
    case 'flowing':
      return `: no ack of sink ${quoted([...state.missing])}`
    case 'planning':
    case 'closing':
      return ': the state backend does not answer'
    default:
      return ''
  }
}

const quoted = (names: readonly string[]): string => names.map(name => `'${name}'`).join(', ')

const table: Table = {
  idle: {
    due: (state, { forced = false }) => ask(state, forced),
    drain: state => ask({ ...state, draining: true }, false),
    ended: (state, { source }) => {
      const next = { ...state, ended: new Set(state.ended).add(source) }
      return isLast(next) ? ask(next, false) : stay(next)
    },
    position: late,
    recorded: late,
    ack: late,
    final: late,
    begin: (state, { checkpoint }) => [
      { ...common(state), name: 'flowing', checkpoint, last: false, missing: new Set(state.sinks) },
      [{ do: 'mark', epoch: checkpoint.epoch, last: false }],
    ],
    stalled: stay,
    failed: fail,
  },
  asking: {
    due: (state, { forced = false }) => stay({ ...state, forced: state.forced || forced }),
    drain,
    ended: end,
    position: (state, { source, epoch, position }) => {
      if (epoch !== state.epoch + 1 || !state.sources.includes(source))
        return late(state, { type: 'position', source, epoch, position })
      const positions = new Map(state.positions).set(source, position)
      const next = { ...state, positions }
      return positions.size === state.sources.length ? plan(next) : stay(next)
    },
    recorded: impossible,
    ack: late,
    final: impossible,
    begin: impossible,
    stalled,
    failed: fail,
  },
  planning: {
    due: stay,
    drain,
    ended: end,
    position: late,
    recorded: (state, event) => {
      const { checkpoint } = state
      if (event.epoch !== checkpoint.epoch) return impossible(state, event)
      return [
        { ...common(state), name: 'flowing', checkpoint, last: isLast(state), missing: new Set(state.sinks) },
        [{ do: 'mark', epoch: checkpoint.epoch, last: isLast(state) }],
      ]
    },
    ack: late,
    final: impossible,
    begin: impossible,
    stalled,
    failed: fail,
  },
  flowing: {
    due: stay,
    drain,
    ended: end,
    position: late,
    recorded: late,
    ack: (state, event) => {
      const { checkpoint } = state
      if (event.epoch !== checkpoint.epoch || !state.missing.has(event.sink)) return late(state, event)
      const missing = new Set(state.missing)
      missing.delete(event.sink)
      if (missing.size > 0) return stay({ ...state, missing })
      return [{ ...common(state), name: 'closing', checkpoint, last: state.last }, [{ do: 'close', checkpoint }]]
    },
    final: impossible,
    begin: impossible,
    stalled,
    failed: fail,
  },
  closing: {
    due: stay,
    drain,
    ended: end,
    position: late,
    recorded: late,
    ack: late,
    final: (state, event) => {
      if (event.epoch !== state.checkpoint.epoch) return impossible(state, event)
      return close(state)
    },
    begin: impossible,
    stalled,
    failed: fail,
  },
  done: {
    due: stay,
    drain: stay,
    ended: stay,
    position: late,
    recorded: late,
    ack: late,
    final: late,
    begin: impossible,
    stalled: stay,
    failed: fail,
  },
  failed: {
    due: stay,
    drain: stay,
    ended: stay,
    position: stay,
    recorded: stay,
    ack: stay,
    final: stay,
    begin: stay,
    stalled: stay,
    failed: stay,
  },
}

export function step(state: State, event: Event): Step {
  // the table is typed by state and event; one call over all of them cannot be
  const handle = table[state.name][event.type] as (state: State, event: Event) => Step
  return handle(state, event)
}

/** Positions are JSON, made by one source in one way; still the order of keys says nothing. */
export function samePosition(a: Position, b: Position): boolean {
  return stable(a) === stable(b)
}

function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${stable(inner)}`)
    .join()}}`
}
