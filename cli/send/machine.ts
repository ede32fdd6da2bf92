/**
 * The transfer of one input into one stream, without its I/O: `step(state, event)` gives the next state and the one
 * effect whose outcome is the next event.
 *
 *   begin ─▶ asking ──counted──▶ reading ──batch──▶ posting ──stored──▶ reading
 *              ▲ ▲ │                │ │                │ │
 *      elapsed │ │ broken           │ └─end──▶ done    │ └─refused──▶ failed
 *              │ │ │                └─end with a bad value──▶ failed
 *              │ │ ▼                                   │
 *              waiting ◀──────────broken───────────────┘     (and too long without progress: failed)
 *
 * After a break the gateway is asked how much it has, and the batch in hand goes on there: an answer that was lost
 * cannot make a value be sent twice, nor one that was not stored be left out.
 */

export type Phase = 'asking' | 'reading' | 'posting' | 'waiting' | 'done' | 'failed'

export interface State {
  phase: Phase
  /** values below this position are stored, as the gateway has said */
  count: number
  /** the batch in hand: not all of it is known to be stored */
  batch: { offset: number; size: number; dead: readonly number[] } | undefined
  /** failures since the last progress, and when the first of them was (milliseconds) */
  failures: number
  failingSince: number
  totals: Totals
  reason: string | undefined
}

/** `accepted + duplicates + rejected` are all values that were read. */
export interface Totals {
  /** stored by this run */
  accepted: number
  /** in the stream already */
  duplicates: number
  /** became dead letters in this run */
  rejected: number
}

export type Event =
  /** how many events the stream has; 0 where it does not exist */
  | { type: 'counted'; count: number }
  /** the next values; `skipped` were read before them and lie below the count */
  | { type: 'batch'; offset: number; size: number; dead: readonly number[]; skipped: number }
  /** no more values; `reason` says that a bad one is next */
  | { type: 'end'; skipped: number; reason: string | undefined }
  /** the gateway took all that was posted */
  | { type: 'stored'; count: number; accepted: number; duplicates: number; rejected: number }
  /** trying again is of no use; `stored` says what was taken before that */
  | { type: 'refused'; reason: string; stored?: Totals & { count: number } }
  /** the same may succeed later; `jitter` in [0, 1) */
  | { type: 'broken'; reason: string; at: number; jitter: number; retryAfter: number | undefined }
  | { type: 'elapsed' }
  /** the user wants to stop */
  | { type: 'stopped' }

export type Effect =
  | { type: 'ask' }
  /** the next batch, without the values below position `from` */
  | { type: 'read'; from: number }
  /** the batch in hand, without its first `skip` values */
  | { type: 'post'; skip: number }
  | { type: 'wait'; ms: number; reason: string }
  | { type: 'finish' }

export interface Limits {
  /** milliseconds without progress after which the transfer gives up */
  retryFor: number
}

export type Step = readonly [State, Effect]
type Handler<T extends Event['type']> = (state: State, event: Extract<Event, { type: T }>, limits: Limits) => Step
type Table = { [P in Phase]: { [T in Event['type']]: Handler<T> } }

export const backoff = { first: 250, most: 30_000 } as const

export function begin(): Step {
  const totals = { accepted: 0, duplicates: 0, rejected: 0 }
  const state: State = {
    phase: 'asking',
    count: 0,
    batch: undefined,
    failures: 0,
    failingSince: 0,
    totals,
    reason: undefined,
  }
  return [state, { type: 'ask' }]
}

export function step(state: State, event: Event, limits: Limits): Step {
  // the table has a handler for each pair, but TypeScript cannot see that both keys belong together
  const handle = table[state.phase][event.type] as Handler<Event['type']>
  return handle(state, event, limits)
}

const counted: Handler<'counted'> = (state, { count }) => {
  if (count < state.count)
    return fail(state, `the stream has ${count} events where ${state.count} were acknowledged: was it deleted?`)
  const next = progress(state, count)
  const { batch } = next
  if (batch === undefined || count >= batch.offset + batch.size) return read(next)
  return [
    { ...next, phase: 'posting' },
    { type: 'post', skip: Math.max(0, count - batch.offset) },
  ]
}

const batch: Handler<'batch'> = (state, { offset, size, dead, skipped }) => [
  { ...state, phase: 'posting', batch: { offset, size, dead }, totals: plus(state.totals, { duplicates: skipped }) },
  { type: 'post', skip: 0 },
]

const end: Handler<'end'> = (state, { skipped, reason }) => {
  const next = { ...state, totals: plus(state.totals, { duplicates: skipped }) }
  return reason === undefined ? [{ ...next, phase: 'done' }, { type: 'finish' }] : fail(next, reason)
}

const stored: Handler<'stored'> = (state, { count, ...taken }) => {
  const { offset, size } = state.batch!
  const from = Math.max(0, state.count - offset)
  const sum = taken.accepted + taken.duplicates + taken.rejected
  if (sum !== size - from || count < offset + size) {
    const where = `of ${size - from} values from position ${offset + from}`
    return fail(
      { ...state, count },
      `the gateway counted ${sum} ${where}: it cuts the input in another way than this command`,
    )
  }
  return read({ ...state, count, failures: 0, totals: plus(state.totals, taken) })
}

const refused: Handler<'refused'> = (state, { reason, stored: taken }) => {
  if (taken === undefined) return fail(state, reason)
  return fail({ ...state, count: taken.count, totals: plus(state.totals, taken) }, reason)
}

const broken: Handler<'broken'> = (state, { reason, at, jitter, retryAfter }, { retryFor }) => {
  const failingSince = state.failures === 0 ? at : state.failingSince
  const left = failingSince + retryFor - at
  if (left <= 0)
    return fail(state, `gave up after ${Math.round((at - failingSince) / 1000)} s without progress: ${reason}`)
  const exponential = Math.min(backoff.most, backoff.first * 2 ** state.failures) * (0.5 + jitter / 2)
  const ms = Math.min(left, retryAfter ?? exponential)
  return [
    { ...state, phase: 'waiting', failures: state.failures + 1, failingSince },
    { type: 'wait', ms, reason },
  ]
}

const elapsed: Handler<'elapsed'> = state => [{ ...state, phase: 'asking' }, { type: 'ask' }]

const stopped: Handler<'stopped'> = state => fail(state, 'stopped')

/** Nothing moves a transfer that has ended. */
const over = (state: State): Step => [state, { type: 'finish' }]

/** An outcome without its effect is a bug of the driver. */
const impossible = (state: State, event: Event): Step => {
  throw new Error(`transfer is ${state.phase}, and got '${event.type}'`)
}

// biome-ignore format: a table is read in columns
export const table: Table = {
  asking:  { counted,             batch: impossible, end: impossible, stored: impossible, refused,             broken,             elapsed: impossible, stopped },
  reading: { counted: impossible, batch,             end,             stored: impossible, refused: impossible, broken: impossible, elapsed: impossible, stopped },
  posting: { counted: impossible, batch: impossible, end: impossible, stored,             refused,             broken,             elapsed: impossible, stopped },
  waiting: { counted: impossible, batch: impossible, end: impossible, stored: impossible, refused: impossible, broken: impossible, elapsed,             stopped },
  done:    { counted: over,       batch: over,       end: over,       stored: over,       refused: over,       broken: over,       elapsed: over,       stopped: over },
  failed:  { counted: over,       batch: over,       end: over,       stored: over,       refused: over,       broken: over,       elapsed: over,       stopped: over },
}

function read(state: State): Step {
  return [
    { ...state, phase: 'reading', batch: undefined },
    { type: 'read', from: state.count },
  ]
}

function fail(state: State, reason: string): Step {
  return [{ ...state, phase: 'failed', reason }, { type: 'finish' }]
}

/** What the gateway has beyond what it acknowledged is of a request whose answer was lost. */
function progress(state: State, count: number): State {
  const { batch, totals } = state
  if (batch === undefined) return { ...state, count, failures: 0 }
  const end = Math.min(count, batch.offset + batch.size)
  const from = Math.max(state.count, batch.offset)
  if (end <= from) return { ...state, count }
  const rejected = batch.dead.filter(index => batch.offset + index >= from && batch.offset + index < end).length
  return { ...state, count, failures: 0, totals: plus(totals, { accepted: end - from - rejected, rejected }) }
}

function plus(totals: Totals, more: Partial<Totals>): Totals {
  return {
    accepted: totals.accepted + (more.accepted ?? 0),
    duplicates: totals.duplicates + (more.duplicates ?? 0),
    rejected: totals.rejected + (more.rejected ?? 0),
  }
}
