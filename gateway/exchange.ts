import type { AppError } from '../core/errors.ts'
import { codes } from '../core/errors.ts'
import type { Asker } from './auth.ts'

/**
 * The small seam between the hot route and the runtime: Node's own request and response (3 to 8 times as fast as web
 * streams there), or a web Request and Response.
 */
export interface Exchange {
  /** lower-case name; repeated headers joined as the runtime does */
  header(name: string): string | undefined
  /** decoded; the first where it is repeated. Throws `bad_request` where its encoding is broken */
  query(name: string): string | undefined
  /** all of them, in lower case */
  headerNames(): Iterable<string>
  /** JSON text of all headers, secrets redacted */
  headersJson(): string
  readonly remoteAddr: string
  /** the same object for all requests of one connection, where the runtime knows it */
  readonly connection: object
  /**
   * Hands out the inflated body. Where `sink` returns a promise nothing more is read until it resolves.
   * Rejects with `unsupported_encoding`, `bad_encoding`, `body_too_large`, what `sink` rejects with, what `cancel` was
   * given, or `Aborted`.
   */
  read(sink: (chunk: Uint8Array) => Promise<void> | undefined, maxBytes: number): Promise<void>
  /** Ends a `read` that may wait for its next chunk. */
  cancel(reason: Error): void
  respond(status: number, headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer>): void
  /** A 200 whose body comes in pieces. */
  stream(headers: Record<string, string>): StreamedBody
}

export interface StreamedBody {
  write(text: string): void
  end(text: string): void
}

/** Who asks, by the request alone. */
export const askerOf = (exchange: Exchange): Asker => ({
  header: name => exchange.header(name),
  headerNames: () => exchange.headerNames(),
  queryToken: exchange.query('token'),
})

/** The client went away in the middle: there is nobody to answer. */
export class Aborted extends Error {}

/** `{"error","message"}` and what a client needs to go on. */
export function errorBody(error: AppError): Record<string, unknown> {
  const { stream, count, epoch } = error.details
  return { error: error.code, message: error.message, stream, count, epoch }
}

export function errorHeaders(error: AppError): Record<string, string> {
  const { retryAfter } = error.details
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (codes[error.code].retry && codes[error.code].status !== 500)
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter ?? 1)))
  if (error.code === 'unauthorized') headers['www-authenticate'] = 'Bearer'
  return headers
}

export const encodings = ['gzip', 'deflate', 'br', 'zstd'] as const
export type Encoding = (typeof encodings)[number]

/** undefined for identity; throws nothing: an unknown one is `unknown`. */
export function encodingOf(value: string | undefined): Encoding | 'unknown' | undefined {
  const name = (value ?? '')
    .trim()
    .toLowerCase()
    .replace(/^x-gzip$/, 'gzip')
  if (name === '' || name === 'identity') return undefined
  return encodings.includes(name as Encoding) ? (name as Encoding) : 'unknown'
}
