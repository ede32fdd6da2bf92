import type { Frames } from '../../core/framing/framing.ts'
import type { Records } from '../../core/otlp/records.ts'

/**
 * What a store promises, and what the gateway may ask of it. Types only.
 *
 * Rules for implementers:
 * - `append` resolves only after its events are synced to durable storage; until then no reader sees them.
 * - Epoch and offset are checked in the transaction that stores the events, never before.
 * - Calls may overlap. Appends to one stream take effect in the order of the calls.
 * - `append` may read `frames` until it settles, and must neither change, transfer nor keep them. `records` are handed
 *   over: the caller may not look at them again, since their buffers may be transferred.
 * - A failure of the store rejects with an AppError (`store_busy`, `store_unavailable`, `disk_full`); nothing of that
 *   append is then acknowledged, and its count must be asked again. The store recovers by itself once the cause is gone.
 * - Outcomes that a client can cause (`gap`, `fenced`, `conflict`) are values.
 */
export interface Store {
  append(request: AppendRequest): Promise<AppendOutcome>
  /** Sets `closed_at`: nobody is connected to the stream any more. Not awaited by a client. */
  closeStream(streamId: number, at: number): void

  listStreams(query: { tenant?: string; after?: number; limit: number }): Promise<StreamInfo[]>
  getStream(ref: StreamRef): Promise<StreamInfo | undefined>
  /** Deletes the stream, its events, records and dead letters, in slices; false where there was none. */
  deleteStream(ref: StreamRef): Promise<boolean>

  /**
   * Events and OpenTelemetry records of one stream with `stream_index >= from`, in order of stream_index. The payload of
   * a record is made from its row, see `recordPayload`. A page ends by bytes too.
   */
  readStream(streamId: number, from: number, limit: number): Promise<EventPage>
  /** Events of all streams, or of one, with `event_id > after`, in order of event_id. */
  readTail(query: TailQuery): Promise<TailPage>
  /** the newest event_id that was ever given to a durable event; 0 where there is none */
  lastEventId(): Promise<number>
  /** `listener` runs after durable commits that may have stored events; returns the way to stop. */
  onCommit(listener: () => void): () => void

  /** One SELECT over the data tables, killed at its limits, and once `gone` aborts (it then rejects with any error). */
  query(sql: string, params: readonly QueryParam[], limits: QueryLimits, gone?: AbortSignal): Promise<QueryResult>

  /** In order of id, `raw` cut to its first `previewBytes`. A page ends by bytes too. */
  listDeadLetters(query: DeadLetterQuery): Promise<DeadLetterPage>
  getDeadLetter(id: number): Promise<DeadLetter | undefined>
  /**
   * Stores a dead letter's event at its own position and removes it; the payload must be one valid value. A refused
   * record is `not_supported`.
   */
  retryDeadLetter(id: number, payload: Uint8Array): Promise<boolean>
  /** Deletes those of `ids`, or all that there are, in slices; of one tenant, where it is given. Says how many. */
  purgeDeadLetters(ids: readonly number[] | 'all', tenant?: string): Promise<number>

  /** all of them, revoked ones too, by id */
  listTokens(): Promise<TokenRow[]>
  createToken(token: NewToken): Promise<TokenRow>
  /** by id or name; false where there is no such living token */
  revokeToken(idOrName: string, at: number): Promise<boolean>
  /** `listener` gets all living tokens now and within a second of every change, by whichever process. */
  watchTokens(listener: (tokens: readonly TokenRow[]) => void): () => void

  health(): StoreHealth
  /** figures for /metrics */
  stats(): StoreStats
  /** Resolves once everything appended before is durable and all files are closed. */
  close(): Promise<void>
}

export interface StreamRef {
  tenant: string
  key: string
}

export interface AppendRequest extends StreamRef {
  /** used only where the stream does not exist yet */
  opening: Opening
  /** undefined: the current one. A higher one is adopted, a lower one is `fenced` */
  epoch: number | undefined
  /** position of the first entry; undefined: append. Below the count the overlap is skipped, above it is a `gap` */
  offset: number | undefined
  /** microseconds UTC */
  receivedAt: number
  /** undefined, without `records`: only open the stream (and adopt the epoch) */
  frames: Frames | undefined
  /**
   * In place of `frames`: the rows of one OpenTelemetry request, which are stored as a whole, its refused records as
   * dead letters. No two of its arrays are the same memory; one that is not all of its buffer costs a copy
   */
  records?: Records | undefined
  /**
   * 16 bytes that tell the body of `records`, where they have an offset. Sent again at the same offset they are all
   * duplicates; other records at an offset below the count are a `conflict`
   */
  digest?: Uint8Array | undefined
  /** the stream ends with this append: `closed_at` is set in the same commit */
  last: boolean
}

export interface Opening {
  transport: 'http' | 'websocket' | 'millrace.v1' | 'otlp-http' | 'otlp-grpc'
  /** JSON text of the headers, secrets redacted */
  headers: string
  remoteAddr: string
}

export type AppendOutcome =
  | {
      ok: true
      streamId: number
      epoch: number
      /** of the stream, after this append */
      count: number
      accepted: number
      duplicates: number
      /** entries that became dead letters */
      rejected: number
    }
  | { ok: false; code: RefusedCode; streamId: number; count: number; epoch: number }

export type RefusedCode = 'gap' | 'fenced' | 'conflict'

export interface StreamInfo {
  stream_id: number
  stream_key: string
  tenant: string
  transport: string
  /** JSON text */
  headers: string
  remote_addr: string
  epoch: number
  count: number
  /** microseconds UTC, as all times of ours */
  opened_at: number
  last_at: number
  closed_at: number | null
}

export interface StoredEvent {
  /** of a record: its `record_id`, which is unique in its table only */
  event_id: number
  stream_index: number
  received_at: number
  payload: string
}

export interface EventPage {
  events: StoredEvent[]
  /** `from` of the next page; the count of the stream once nothing is left, or `from` itself where that is above it */
  next: number
}

export interface TailQuery {
  after: number
  limit: number
  tenant?: string
  streamId?: number
  /** an SQL expression over the columns of `events`; a page that takes too long is a `query_limit` error */
  where?: string
}

export interface TailPage {
  events: (StoredEvent & { stream_key: string })[]
  /**
   * where the next page begins: `after` of the next call, also where filters left nothing; below `after` where the
   * store ends there: it is not the one that gave `after`
   */
  next: number
}

export type QueryParam = string | number | null | boolean
export interface QueryLimits {
  ms: number
  bytes: number
  rows: number
}
export interface QueryResult {
  columns: string[]
  /** 64-bit integers above 2^53 as decimal strings, blobs as base64 */
  rows: (string | number | null)[][]
  /** true where `limits.rows` cut the result */
  truncated: boolean
}

export interface DeadLetter {
  dead_letter_id: number
  stream_key: string
  tenant: string
  stream_index: number
  received_at: number
  code: string
  message: string
  /** bytes as sent; `raw` holds the first of them where it was cut */
  size: number
  raw: Uint8Array
  /** `record`: of OpenTelemetry */
  kind: 'event' | 'record'
}

export interface DeadLetterQuery {
  tenant?: string
  /** the last id of the page before */
  after?: number
  limit: number
  streamKey?: string
}

export interface DeadLetterPage {
  letters: DeadLetter[]
  /** `after` of the next page; null where there is none */
  next: number | null
}

export type Scope = 'ingest' | 'read' | 'admin'
export interface NewToken {
  name: string
  /** SHA-256 of the token, hex */
  hash: string
  scopes: readonly Scope[]
  tenant: string
  /** null: no limit */
  events_per_second: number | null
  bytes_per_second: number | null
  created_at: number
}
export interface TokenRow extends NewToken {
  token_id: number
  revoked_at: number | null
}

export type StoreHealth = { ok: true } | { ok: false; code: string; reason: string }
export interface StoreStats {
  /** appends that wait for their commit, and their bytes */
  queuedAppends: number
  queuedBytes: number
  /** commits, and the appends and events in them */
  commits: number
  appends: number
  events: number
  commitSeconds: number
}
