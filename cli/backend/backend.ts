import type { DeadLetterRow, RetryResult } from '../../gateway/dead-letters.ts'
import type { QueryParam, QueryResult, StreamInfo } from '../../gateway/store/store.ts'

/**
 * What was caught, as the commands look at it: over HTTP through a running gateway, or in its store beside it.
 * Names and forms are those of the HTTP surface.
 */
export interface Backend {
  streams(page: Page): Promise<StreamPage>
  stream(key: string): Promise<StreamRow | undefined>
  /** false where there was none */
  deleteStream(key: string): Promise<boolean>
  query(sql: string, params: readonly QueryParam[]): Promise<QueryResult>
  deadLetters(page: Page & { stream?: string }): Promise<DeadLetterPage>
  deadLetter(id: number): Promise<DeadLetterRow | undefined>
  /** `payload` (JSON text) replaces that of a single id. */
  retry(ids: readonly number[], payload: string | undefined): Promise<RetryResult>
  purge(ids: readonly number[] | 'all'): Promise<number>
  /** Events as they are stored, without gap or repeat over breaks; ends when `signal` is aborted. */
  tail(options: TailOptions, signal: AbortSignal): AsyncIterable<TailRow>
  close(): Promise<void>
}

export interface Page {
  limit: number
  /** the last id of the page before */
  after?: number | undefined
}

export interface StreamPage {
  streams: StreamRow[]
  /** `after` of the next page; null where there is none */
  next: number | null
}

export interface StreamRow extends Omit<StreamInfo, 'headers'> {
  headers: Record<string, unknown>
}

export interface DeadLetterPage {
  dead_letters: DeadLetterRow[]
  next: number | null
}

export interface TailOptions {
  stream: string | undefined
  /** an SQL expression over the columns of `events` */
  where: string | undefined
  /** `earliest`, `latest`, or the id of the first event wanted */
  from: string
}

export interface TailRow {
  /** JSON text as it was sent, byte for byte */
  payload: string
  /** JSON text: event_id, stream, index, received_at, payload */
  envelope: string
}
