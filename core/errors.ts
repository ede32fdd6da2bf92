/**
 * One error type, one table. The table is the documentation: README and `PROTOCOL.md` name these codes.
 *
 * `status` is the HTTP status, `retry` says whether the same request may succeed later, `fault` whose it is.
 */
export const codes = {
  bad_request: {
    status: 400,
    retry: false,
    fault: 'client',
    doc: 'a parameter, header or body is not of the form that the route takes',
  },
  bad_event: {
    status: 400,
    retry: false,
    fault: 'client',
    doc: 'a byte that no JSON value has at this place (RFC 8259)',
  },
  incomplete_event: { status: 400, retry: false, fault: 'client', doc: 'the input ended inside a value' },
  too_deep: { status: 400, retry: false, fault: 'client', doc: 'an event nests deeper than the limit' },
  bad_utf8: { status: 400, retry: false, fault: 'client', doc: 'an event is not valid UTF-8' },
  bad_encoding: { status: 400, retry: false, fault: 'client', doc: 'the body is not what Content-Encoding says' },
  bad_record: {
    status: 400,
    retry: false,
    fault: 'client',
    doc: 'a record of an OpenTelemetry request that breaks a rule of the format',
  },
  bad_query: {
    status: 400,
    retry: false,
    fault: 'client',
    doc: 'the SQL is not one SELECT over the data tables, or failed',
  },
  query_limit: {
    status: 400,
    retry: false,
    fault: 'client',
    doc: 'the query passed its time, memory or row limit and was killed',
  },
  unauthorized: { status: 401, retry: false, fault: 'client', doc: 'no token, or one that is unknown or revoked' },
  forbidden: {
    status: 403,
    retry: false,
    fault: 'client',
    doc: 'the token lacks the scope, or Host, Origin or a proxy header is not allowed without one',
  },
  not_found: { status: 404, retry: false, fault: 'client', doc: 'no such route, stream, dead letter or token' },
  method_not_allowed: { status: 405, retry: false, fault: 'client', doc: 'the route exists, but not with this method' },
  timeout: { status: 408, retry: true, fault: 'client', doc: 'the request headers did not arrive in time' },
  gap: {
    status: 409,
    retry: false,
    fault: 'client',
    doc: 'the offset is above the count of the stream: events in between are missing',
  },
  fenced: {
    status: 409,
    retry: false,
    fault: 'client',
    doc: 'the epoch is older than that of the stream: another producer took over',
  },
  conflict: { status: 409, retry: false, fault: 'client', doc: 'the offset was stored with another body' },
  body_too_large: { status: 413, retry: false, fault: 'client', doc: 'the body, once inflated, passes the limit' },
  event_too_large: { status: 413, retry: false, fault: 'client', doc: 'one event passes the limit' },
  unsupported_encoding: {
    status: 415,
    retry: false,
    fault: 'client',
    doc: 'Content-Encoding is none of identity, gzip, deflate, br, zstd',
  },
  unsupported_media_type: { status: 415, retry: false, fault: 'client', doc: 'the route needs another Content-Type' },
  rate_limited: {
    status: 429,
    retry: true,
    fault: 'client',
    doc: 'the token passed its limit of events or bytes per second',
  },
  headers_too_large: { status: 431, retry: false, fault: 'client', doc: 'the request headers pass the limit' },
  internal: { status: 500, retry: true, fault: 'server', doc: 'a bug: please report it with the log line' },
  not_supported: { status: 501, retry: false, fault: 'server', doc: 'this store cannot do that' },
  store_busy: {
    status: 503,
    retry: true,
    fault: 'server',
    doc: 'the store does not keep up, or another process holds its lock',
  },
  store_unavailable: {
    status: 503,
    retry: true,
    fault: 'server',
    doc: 'the store cannot be written: read-only, damaged or failing',
  },
  stopping: { status: 503, retry: true, fault: 'server', doc: 'the gateway is shutting down' },
  disk_full: {
    status: 507,
    retry: true,
    fault: 'server',
    doc: 'the disk, or the size that the database may have, is used up',
  },
} as const satisfies Record<string, { status: number; retry: boolean; fault: 'client' | 'server'; doc: string }>

export type ErrorCode = keyof typeof codes

/** What a client needs to go on; sent as it is in the body of the error. */
export interface ErrorDetails {
  /** seconds until a retry may succeed; sent as `Retry-After` and `retry_after_ms` */
  retryAfter?: number
  stream?: string
  count?: number
  epoch?: number
}

/** `message` is a lower-case sentence that names the thing, the number and the way out. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'AppError'
    this.code = code
    this.details = details
  }

  get status(): number {
    return codes[this.code].status
  }
}

/** An unknown throw as an AppError; anything that is not one is a bug, and says so. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new AppError('internal', `unexpected failure: ${message}`, {}, error)
}

/** Wraps `error` with what was being tried, keeping its code: `store sqlite:./a.db: commit: disk is full`. */
export function context(what: string, error: unknown): AppError {
  const inner = toAppError(error)
  return new AppError(inner.code, `${what}: ${inner.message}`, inner.details, inner)
}

/** The code of an error of SQLite or of the system, `SQLITE_FULL`, `ENOSPC`; empty where it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}
