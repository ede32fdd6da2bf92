/** Names and numbers of the wire, as `clients/PROTOCOL.md` fixes them. */

export const header = {
  stream: 'millrace-stream',
  offset: 'millrace-offset',
  epoch: 'millrace-epoch',
  count: 'millrace-count',
  next: 'millrace-next',
} as const

export const subprotocol = 'millrace.v1'

export const mediaType = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  text: 'text/plain; charset=utf-8',
  sse: 'text/event-stream',
} as const

/** WebSocket close codes (RFC 6455 section 7.4.1), with what each means here. */
export const closeCode = {
  end: 1000,
  stopping: 1001,
  badEvent: 1007,
  policy: 1008,
  tooBig: 1009,
  internal: 1011,
  tryLater: 1013,
} as const

/** The plain protocol acks at least this often while events keep coming. */
export const ackEvery = { events: 256, ms: 50 } as const

export const limits = {
  /** inflated bytes of one request body */
  bodyBytes: 256 * 1024 * 1024,
  /** bytes of one event */
  eventBytes: 16 * 1024 * 1024,
  /** nesting of one event: SQLite's JSON functions stop at 1,000 */
  depth: 900,
  /** bytes of all request headers together */
  headerBytes: 16 * 1024,
  /** bytes of a stream key in UTF-8 */
  keyBytes: 256,
} as const
