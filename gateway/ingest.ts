import { createBudget } from '../core/budget.ts'
import { AppError } from '../core/errors.ts'
import type { Frames } from '../core/framing/framing.ts'
import type { Records } from '../core/otlp/records.ts'
import type { Identity } from './auth.ts'
import type { IngestMetrics, Transport } from './metrics.ts'
import { recordsBytes } from './store/records.ts'
import type { AppendOutcome, Opening, Store } from './store/store.ts'

/** The only write path: every transport appends through here. */
export interface Ingest {
  /** One sender's way into one stream. */
  producer(options: ProducerOptions): Producer
  /** undefined where the store takes events; else why a sender should come back later */
  stalled(): AppError | undefined
  readonly queuedBytes: number
  close(): void
}

export interface ProducerOptions {
  identity: Identity
  transport: Transport
  key: string
  opening: Opening
  epoch: number | undefined
  /** position of the first event; undefined: append wherever the stream ends */
  offset: number | undefined
}

export interface Producer {
  readonly key: string
  /**
   * Resolves once `frames` are durable; call it again only then. `last`: the stream ends with them.
   * Rejects with an AppError where the store failed: the count must be asked again.
   */
  append(frames: Frames | undefined, last: boolean): Promise<AppendOutcome>
  /**
   * The same for the rows of an OpenTelemetry request, which are handed over. `digest`: of its body, where it has an
   * offset; see `AppendRequest`.
   */
  appendRecords(records: Records, digest?: Uint8Array): Promise<AppendOutcome>
  /** What has become of all entries so far. */
  readonly totals: { accepted: number; duplicates: number; rejected: number; count: number; streamId: number }
}

/** how often appends are looked at for being late, ms */
const watchEvery = 250

/**
 * One append on its way to the store, in a ring that begins with the oldest. Not a Set: the tables that one leaves
 * behind point at their successors, so that one old table keeps all later appends alive until a full collection.
 */
class Pending {
  readonly since: number
  reject: ((error: Error) => void) | undefined
  private previous: Pending = this
  next: Pending = this

  constructor(since: number, reject?: (error: Error) => void) {
    this.since = since
    this.reject = reject
  }

  /** Makes `entry` the last of the ring that this begins. */
  add(entry: Pending): void {
    entry.previous = this.previous
    entry.next = this
    this.previous.next = entry
    this.previous = entry
  }

  remove(): void {
    this.previous.next = this.next
    this.next.previous = this.previous
    this.previous = this
    this.next = this
  }
}

export function createIngest(deps: {
  store: Store
  metrics: IngestMetrics
  /** bytes that may wait for their commit */
  queueBytes: number
  /** an append that is not durable after this long is answered with `store_busy` */
  stallMs: number
}): Ingest {
  const { store, metrics, stallMs } = deps
  const budget = createBudget({ limit: deps.queueBytes, patienceMs: stallMs })
  const pending = new Pending(0)
  const watch = setInterval(expire, watchEvery)
  ;(watch as { unref?: () => void }).unref?.()
  let stall: AppError | undefined
  let unsettled = 0

  const countersOf = (transport: Transport) => ({
    accepted: metrics.events.with({ transport, outcome: 'accepted' }),
    duplicate: metrics.events.with({ transport, outcome: 'duplicate' }),
    dead: metrics.events.with({ transport, outcome: 'dead_letter' }),
    bytes: metrics.bytes.with({ transport }),
  })
  const counters = {
    http: countersOf('http'),
    websocket: countersOf('websocket'),
    'millrace.v1': countersOf('millrace.v1'),
    'otlp-http': countersOf('otlp-http'),
    'otlp-grpc': countersOf('otlp-grpc'),
  }

  /** The oldest come first, so that only late ones are touched. */
  function expire(): void {
    const now = performance.now()
    budget.expire(now)
    for (let entry = pending.next; entry !== pending && now - entry.since >= stallMs; entry = pending.next) {
      stall = stallError()
      entry.remove()
      entry.reject!(stall)
    }
    if (unsettled === 0) stall = undefined
  }

  const stallError = () =>
    new AppError('store_busy', `the store has not confirmed a commit for ${stallMs} ms: ask the count and resume`, {
      retryAfter: 2,
    })

  /** Holds room in the queue until the store is done, even where the sender was told that it takes too long. */
  function durable(request: Parameters<Store['append']>[0], bytes: number): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      const entry = new Pending(performance.now(), reject)
      pending.add(entry)
      unsettled++
      const done = () => {
        unsettled--
        entry.remove()
        budget.release(bytes)
      }
      store.append(request).then(
        outcome => {
          done()
          stall = undefined
          metrics.latency.record((performance.now() - entry.since) / 1000)
          resolve(outcome)
        },
        error => {
          done()
          reject(error)
        },
      )
    })
  }

  function producer({ identity, transport, key, opening, epoch, offset }: ProducerOptions): Producer {
    const totals = { accepted: 0, duplicates: 0, rejected: 0, count: 0, streamId: 0 }
    const mine = counters[transport]
    let next = offset

    async function send(
      entries: number,
      bytes: number,
      last: boolean,
      frames?: Frames,
      records?: Records,
      digest?: Uint8Array,
    ): Promise<AppendOutcome> {
      if (stall !== undefined) throw stall
      if (identity.ended !== undefined) throw identity.ended
      const room = budget.acquire(bytes)
      if (room !== undefined) await room
      const { tenant } = identity
      const outcome = await durable(
        { tenant, key, opening, epoch, offset: next, receivedAt: Date.now() * 1000, frames, last, records, digest },
        bytes,
      )
      totals.count = outcome.count
      totals.streamId = outcome.streamId
      if (!outcome.ok) return outcome
      if (next !== undefined) next += entries
      totals.accepted += outcome.accepted
      totals.duplicates += outcome.duplicates
      totals.rejected += outcome.rejected
      mine.accepted.add(outcome.accepted)
      if (outcome.duplicates > 0) mine.duplicate.add(outcome.duplicates)
      if (outcome.rejected > 0) mine.dead.add(outcome.rejected)
      mine.bytes.add(bytes)
      identity.charge(entries, bytes)
      return outcome
    }

    return {
      key,
      append(frames, last) {
        const bytes = frames === undefined ? 0 : frames.bytes.length + frames.spans.byteLength
        return send(frames?.count ?? 0, bytes, last, frames)
      },
      appendRecords: (records, digest) => send(records.count, recordsBytes(records), false, undefined, records, digest),
      totals,
    }
  }

  return {
    producer,
    stalled: () => stall,
    get queuedBytes() {
      return budget.used
    },
    close: () => clearInterval(watch),
  }
}

/** What a client is told of an append that was refused for its position or epoch. */
export function refusal(
  key: string,
  outcome: Extract<AppendOutcome, { ok: false }>,
  sent: { epoch?: number; offset?: number },
): AppError {
  const { count, epoch } = outcome
  const stream = JSON.stringify(key)
  const details = { stream: key, count, epoch }
  if (outcome.code === 'fenced')
    return new AppError(
      'fenced',
      `epoch ${sent.epoch} of stream ${stream} is older than ${epoch}: another producer took over`,
      details,
    )
  if (outcome.code === 'conflict')
    return new AppError(
      'conflict',
      `offset ${sent.offset} of stream ${stream} was stored with another body; the count is ${count}: a new request needs the offset ${count}`,
      details,
    )
  return new AppError(
    'gap',
    `offset ${sent.offset} is above the count ${count} of stream ${stream}: send from ${count}`,
    details,
  )
}
