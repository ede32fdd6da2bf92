/** What a program sees of the client; the rules are those of PROTOCOL.md, section 7. */

export interface ConnectOptions {
  /** of the gateway, `http(s)://host:port` or `ws(s)://…`, with a path prefix where a proxy needs one */
  url: string | URL
  /** where the gateway needs one; a function is asked at every connection, so that tokens can be renewed */
  token?: (string | (() => string | Promise<string>)) | undefined
  /** key of the stream. Default: a new one; see `Client.key` */
  stream?: string | undefined
  /** `send` begins at position 0 again: what the stream has already is skipped. Default false */
  replay?: boolean | undefined
  /** begins behind what the stream has already, in place of a key of its own: for one producer at a time. Default false */
  append?: boolean | undefined
  /** fences off every producer with a lower one. Default: that of the spool, else the stream's current one */
  epoch?: number | undefined
  /** `auto`: WebSocket, and POST where none opens; POST in any case where there is no WebSocket. Default `auto` */
  transport?: Transport | 'auto' | undefined
  /** what `send` does without room, see PROTOCOL.md 7.4. Default `refuse` */
  overflow?: 'refuse' | 'drop_oldest' | 'drop_newest' | undefined
  /** what becomes of an event that the gateway refuses: left out, the end of the client, a dead letter. Default `skip` */
  onRefused?: 'skip' | 'stop' | 'dead_letter' | undefined
  /** keeps what is not acknowledged; `@millrace/client/file` and `@millrace/client/indexeddb` make them */
  spool?: Spool | undefined
  /** of JSON text (UTF-16 units) that waits for its ack. Default 64 MiB */
  maxBytes?: number | undefined
  /** largest event, bytes of UTF-8. Default 16 MiB, as the gateway's */
  maxEventBytes?: number | undefined
  /** a batch goes out at this size. Default 64 KiB */
  batchBytes?: number | undefined
  /** or when its first event is so old, milliseconds. Default 10 */
  batchMs?: number | undefined
  /** sent and not acknowledged at a time. Default 4 MiB */
  windowBytes?: number | undefined
  /** a connection without an ack for so long, while some are due, is broken, milliseconds. Default 20,000 */
  ackTimeoutMs?: number | undefined
  /** milliseconds to connect. Default 10,000 */
  connectTimeoutMs?: number | undefined
  /** first and longest wait after a failure, milliseconds. Default 100 and 30,000 */
  retryMinMs?: number | undefined
  retryMaxMs?: number | undefined
  /** called on the hot path: one number at a time, see `Metric` */
  metric?: ((name: Metric, value: number) => void) | undefined
  /** in place of the global ones, for proxies, certificates, compression, tests */
  fetch?: typeof fetch | undefined
  WebSocket?: typeof WebSocket | undefined
}

export type Transport = 'websocket' | 'post'

/**
 * `acked`, `dropped`, `refused`: events. `batch`: events of a batch that goes out. `ack_ms`: from a batch's sending to
 * its ack. `connect`: 1 for each connection that opens, `retry_ms`: the wait before the next.
 */
export type Metric = 'acked' | 'dropped' | 'refused' | 'batch' | 'ack_ms' | 'connect' | 'retry_ms'

export type State = 'connecting' | 'open' | 'waiting' | 'stopped' | 'closed'

/** Why events that were taken (or, for `drop_newest`, offered) will never be stored. */
export type DropReason = 'drop_oldest' | 'drop_newest' | 'bad_event' | 'closed'

export interface Stats {
  state: State
  /** of the stream; may change before the first ack, see PROTOCOL.md 7.6 */
  key: string
  epoch: number
  transport: Transport | undefined
  /** `send` returned true: `acked + pending + dropped` but for `drop_newest` */
  taken: number
  refused: number
  /** stored; `duplicates` of them were there already, `rejected` became dead letters */
  acked: number
  duplicates: number
  rejected: number
  dropped: Record<DropReason, number>
  pending: number
  pendingBytes: number
  connects: number
}

export interface Events {
  /** the gateway has stored all positions below `count` */
  ack: { count: number }
  drop: { reason: DropReason; events: number }
  /** `fatal`: the client has stopped */
  error: { error: ClientError; fatal: boolean }
  state: { state: State; key: string }
  /** a connection opened, and the stream had `count` entries */
  open: { count: number; key: string; transport: Transport }
}

/** `code`: one of the gateway's (PROTOCOL.md 6) or `LocalCode`. */
export class ClientError extends Error {
  override name = 'ClientError'
  readonly code: string
  /** position of the event that was refused */
  readonly position: number | undefined
  constructor(code: LocalCode | (string & {}), message: string, options?: { position?: number; cause?: unknown }) {
    super(message, options)
    this.code = code
    this.position = options?.position
  }
}

export type LocalCode =
  | 'invalid'
  | 'event_too_large'
  | 'foreign'
  | 'regressed'
  | 'closed'
  | 'timeout'
  | 'unreachable'
  | 'spool'

export interface Client {
  /** of the stream */
  readonly key: string
  readonly state: State
  /** The event is taken (true) or refused (false), at once; the network is never a reason to throw. */
  send(event: unknown): boolean
  /** As `send`, of a value that is JSON text already. Line breaks between tokens are left out. */
  sendJson(text: string): boolean
  /**
   * As `send`, of a run of values as they are: `ends[i]` is where value i ends in `body`. All are taken or none.
   * The bytes are the client's from then on. `ends` must be right: positions are counted by it. Throws a TypeError where the client has a spool.
   */
  sendBatch(body: Uint8Array<ArrayBuffer>, ends: Uint32Array): boolean
  /** Resolves when `send` has room; rejects once the client is stopped or closed, or where the last event can never be taken. */
  ready(): Promise<void>
  /** Resolves when all that was taken before is acknowledged or dropped. */
  flush(options?: { timeout?: number }): Promise<void>
  /** Flushes, ends the stream, gives up after `timeout` milliseconds (default 10,000); never rejects. */
  close(options?: { timeout?: number }): Promise<{ pending: number }>
  stats(): Stats
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A spool. `open` comes first and once; `begin` before anything is sent. Entries are numbered from 0 in the order of
 * `append`, across restarts. What a method throws is the spool's failure: `append` then refuses the event.
 */
export interface Spool {
  /** Takes the spool for this process. May be synchronous: then the first `send` is kept at once. */
  open(): SpoolContent | Promise<SpoolContent>
  /** This process sends under `key` and `epoch`; entry `entry` has position `position`, and all before it are settled. */
  begin(state: SpoolState): void | Promise<void>
  /** Keeps one entry, a line without its LF. Returns false where it could not. */
  append(line: string): boolean
  /** `count` entries from `entry` on have no position any more. */
  drop(entry: number, count: number): void
  /** As `begin`, where only `entry` and `position` moved on: may be put off. */
  settle(entry: number, position: number): void
  close(): void | Promise<void>
}

export interface SpoolState {
  key: string
  epoch: number
  entry: number
  position: number
}

export interface SpoolContent {
  /** as of the last `begin` or `settle`; undefined: the spool is new */
  state: SpoolState | undefined
  /** entries from `state.entry` on, with their number; dropped ones are left out */
  entries: readonly { entry: number; line: string }[]
  /** number of the next entry: above all that were ever appended, also those that were dropped */
  next: number
}
