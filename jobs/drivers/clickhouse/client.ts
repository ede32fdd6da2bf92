import type { Readable } from 'node:stream'
import { type ClickHouseClient, ClickHouseLogLevel, createClient, type Logger } from '@clickhouse/client'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { readUpTo } from '../http/body.ts'
import { connectionError } from '../http/failure.ts'
import { exceptionIn, serverError } from './failures.ts'
import type { Server } from './keys.ts'
import { signedIn } from './sign-in.ts'

export type Settings = Readonly<Record<string, string | number>>

export interface QueryOptions {
  /** `{name: Type}` in the query */
  params?: Readonly<Record<string, unknown>>
  settings?: Settings
  /** milliseconds; default: that of the client */
  timeout?: number
  /** ends this one alone */
  signal?: AbortSignal
}

export interface Body {
  /** of its own for every try */
  open(): Readable
  /** bytes */
  size: number
  /** Content-Encoding, such as `zstd` */
  encoding?: string | undefined
}

/** A thin client: SQL in, rows or bytes out, and every failure a PipelineError. Nothing is retried here. */
export interface ClickHouse {
  /** The rows of a small result; 64-bit integers come as text. */
  rows<R extends object>(sql: string, options?: QueryOptions): Promise<R[]>
  /** A statement without a result. */
  run(sql: string, options?: QueryOptions): Promise<void>
  /** The body of an answer, which may end in an exception: see `arrow.ts`. */
  bytes(sql: string, options?: QueryOptions): Promise<Uint8Array>
  /** `INSERT … FORMAT …` with its data. */
  insert(sql: string, body: Body, options?: QueryOptions): Promise<void>
  close(): Promise<void>
}

export interface ClientOptions {
  server: Server
  /** milliseconds */
  timeout: number
  signal: AbortSignal
}

/** An answer that is waited for has no bytes in between. */
const socketGrace = 5_000
/** of an answer that says what went wrong */
const errorBytes = 64 * 1024

class Silence implements Logger {
  trace(): void {}
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(): void {}
}

export function openClickHouse({ server, timeout, signal }: ClientOptions): ClickHouse {
  const { url, user, password, database } = signedIn(server)
  const client: ClickHouseClient = createClient({
    url,
    username: user,
    password,
    database,
    application: 'millrace',
    request_timeout: 2 ** 31 - 1,
    max_open_connections: 4,
    // some of its lines come at every level
    log: { level: ClickHouseLogLevel.OFF, LoggerClass: Silence },
  })

  async function exchange(sql: string, options: QueryOptions, body?: Body): Promise<Buffer> {
    signal.throwIfAborted()
    const { params, settings, timeout: limit = timeout } = options
    const late = AbortSignal.timeout(limit + socketGrace)
    const values = body?.open()
    try {
      const answer = await client.exec({
        query: sql,
        ...(params && { query_params: params as Record<string, unknown> }),
        clickhouse_settings: { max_execution_time: Math.ceil(limit / 1000), ...settings } as Record<
          string,
          string | number
        >,
        abort_signal: AbortSignal.any([signal, late, ...(options.signal ? [options.signal] : [])]),
        ignore_error_response: true,
        decompress_response_stream: false,
        ...(body && {
          values,
          http_headers: {
            'Content-Length': String(body.size),
            ...(body.encoding && { 'Content-Encoding': body.encoding }),
          },
        }),
      } as Parameters<ClickHouseClient['exec']>[0])
      const { http_status_code: status = 200, response_headers: headers = {} } = answer as Answered
      const failed = status >= 400
      const bytes = await readUpTo(answer.stream as Readable, failed ? errorBytes : Number.POSITIVE_INFINITY)
      if (failed) throw refusal(status, headers, bytes.toString())
      return bytes
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (options.signal?.aborted) throw options.signal.reason
      if (late.aborted)
        throw new PipelineError('timeout', `no complete answer within ${(limit + socketGrace) / 1000} s`, {
          cause: error,
        })
      throw within(`clickhouse ${place(url)}`, connectionError(error))
    } finally {
      // a body that nobody reads any more
      values?.on('error', () => {}).destroy()
    }
  }

  async function quiet(sql: string, options: QueryOptions, body?: Body): Promise<void> {
    const { settings, ...rest } = options
    const bytes = await exchange(sql, { ...rest, settings: { wait_end_of_query: 1, ...settings } }, body)
    const failure = bytes.length === 0 ? undefined : exceptionIn(bytes.toString())
    if (failure !== undefined) throw within(`clickhouse ${place(url)}`, failure)
  }

  return {
    async rows<R extends object>(sql: string, options: QueryOptions = {}) {
      const settings = { wait_end_of_query: 1, output_format_json_quote_64bit_integers: 1, ...options.settings }
      const text = (await exchange(`${sql} FORMAT JSONEachRow`, { ...options, settings })).toString()
      const lines = text.split('\n').filter(line => line !== '')
      try {
        return lines.map(line => JSON.parse(line) as R)
      } catch (error) {
        const failure = exceptionIn(text) ?? new PipelineError('unavailable', 'the answer is cut', { cause: error })
        throw within(`clickhouse ${place(url)}`, failure)
      }
    },
    run: (sql, options = {}) => quiet(sql, options),
    bytes: (sql, options = {}) => exchange(sql, options),
    insert: (sql, body, options = {}) => quiet(sql, options, body),
    close: () => client.close(),
  }
}

interface Answered {
  http_status_code?: number
  response_headers?: Readonly<Record<string, string | string[] | undefined>>
}

const place = (url: string): string => new URL(url).host

/** An answer that is no success: of the server, or of something before it. */
function refusal(status: number, headers: Answered['response_headers'] & object, text: string): PipelineError {
  const found = exceptionIn(text)
  if (found !== undefined) return found
  const code = Number(headers['x-clickhouse-exception-code'])
  const shown = text.replace(/\s+/g, ' ').trim().slice(0, 300)
  if (code > 0) return serverError(code, shown)
  const passes = status === 408 || status === 429 || status >= 500
  return new PipelineError(
    passes ? 'unavailable' : 'refused',
    `the answer is ${status}, and not of ClickHouse: ${shown || 'it is empty'}`,
  )
}
