import { ClientError, type Transport } from './types.ts'

/** Whole entries; a string ends with a line feed. */
export type Body = string | Uint8Array<ArrayBuffer> | Blob

/** One connection, over whichever transport. After `over` it says nothing more; `close` is silent. */
export interface Link {
  readonly transport: Transport
  /** entries go out in the order of their positions, without a hole, from the count that `opened` told */
  send(body: Body, position: number): void
  /** False: what is under way has to be answered before more is sent. */
  isReady(): boolean
  /** All is acknowledged, and nothing more will come: `over` with `ended` follows. */
  end(): void
  close(): void
}

export interface LinkEvents {
  /** what the gateway has of the stream */
  opened(count: number): void
  /** `duplicates` and `rejected` of this connection so far */
  acked(count: number, duplicates: number, rejected: number): void
  over(outcome: Over): void
}

export interface Over {
  /**
   * `broken`: try again. `refused`: the entry at `position` will never be taken. `too_big`: less at a time.
   * `fatal`: trying again is of no use. `ended`: as was asked for.
   */
  type: 'broken' | 'refused' | 'too_big' | 'fatal' | 'ended'
  error: ClientError
  /** least wait before the next try */
  retryAfterMs?: number
}

/** No answer, or none that one could understand. */
export function broken(message: string, cause?: unknown): Over {
  return { type: 'broken', error: new ClientError('unreachable', message, { cause }) }
}

/** Where and as whom to connect. */
export interface Target {
  url: URL
  token: string | undefined
  key: string
  epoch: number
  deadLetters: boolean
  connectTimeoutMs: number
  ackTimeoutMs: number
  windowBytes: number
  fetch: typeof fetch
  WebSocket: typeof WebSocket | undefined
  /** requests have headers of our own; WebSockets, where the platform's take them */
  headers: boolean
  socketHeaders: boolean
  /** the platform may send a POST again by itself */
  resends: boolean
}

/** `/v1/events` below the path of the base, with what the gateway reads from a query. */
export function eventsUrl(target: Target, more: Record<string, string | number | undefined>): string {
  const url = new URL(target.url)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/events`
  url.search = ''
  const { key: stream, epoch, deadLetters } = target
  const query = { stream, epoch: epoch || undefined, on_error: deadLetters ? 'dead_letter' : undefined, ...more }
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url.href
}

/** What a code of the gateway means for a client: PROTOCOL.md, 4.6 and 5.6. */
export function meaning(code: string, status?: number): Over['type'] {
  if (refusing.includes(code)) return 'refused'
  if (code === 'body_too_large') return 'too_big'
  if (code === 'gap') return 'broken'
  if (status === undefined) return stopping.includes(code) ? 'fatal' : 'broken'
  return status >= 500 ? (status === 501 ? 'fatal' : 'broken') : temporary.includes(status) ? 'broken' : 'fatal'
}

const refusing = ['bad_event', 'incomplete_event', 'too_deep', 'bad_utf8', 'event_too_large']
const stopping = ['fenced', 'unauthorized', 'forbidden', 'bad_request']
const temporary = [408, 425, 429]
