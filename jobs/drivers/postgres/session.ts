import { connect as openSocket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { from, to } from 'pg-copy-streams'
import { awakeTimeout } from '../../../core/awake.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type CopyIn, copyIn } from './copy.ts'
import { pgFailure } from './failures.ts'

/**
 * One connection to a server. One call at a time. Failures are PipelineErrors (see `failures.ts`) that name server and
 * database; after one that broke the connection `broken` is true, and all further calls fail.
 */
export interface PgSession {
  /** `postgres HOST:PORT/DATABASE`, for messages */
  readonly label: string
  /** of the server's process */
  readonly pid: number
  readonly broken: boolean
  /**
   * Integers up to 32 bits, oid and floats come as numbers, booleans as booleans, bytea as Buffer, arrays of those as
   * arrays, all else (int8, numeric, json, times) as text. Several statements are possible where there is no parameter:
   * the rows are those of the last.
   */
  query<R = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<PgResult<R>>
  /** `begin`: such as `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY` */
  transaction<T>(work: () => Promise<T>, begin?: string): Promise<T>
  copyIn(sql: string): CopyIn
  /** Rows on their way out; whoever leaves before the end breaks the session. */
  copyOut(sql: string): AsyncIterable<Buffer>
  /** Asks the server, over a connection of its own, to give up what it does for this one. Never rejects. */
  cancel(): Promise<void>
  /** Ends the connection at once, in whatever state it is. */
  destroy(): void
  close(): Promise<void>
}

export interface PgResult<R> {
  rows: R[]
  /** rows that the last statement gave or changed */
  count: number
}

export interface SessionOptions {
  client: Client
  label: string
  /** `host:port` that was taken of several */
  at: { host: string; port: number }
  /** milliseconds after which no answer breaks the connection; 0: never */
  patience: number
}

export function createSession({ client, label, at, patience }: SessionOptions): PgSession {
  const { processID: pid, secretKey } = client as unknown as { processID: number; secretKey: number }
  const socket = (client as unknown as { connection: { stream: { destroy(error?: Error): void } } }).connection.stream
  let lost: PipelineError | undefined

  const lose = (error: PipelineError) => {
    lost ??= error
    socket.destroy()
  }
  client.on('error', error => lose(pgFailure(error, label)))
  client.on('end', () => lose(new PipelineError('unavailable', `${label}: the connection ended`)))

  /** Rejects once the server has been silent for too long: a network that is cut says nothing. */
  async function bounded<T>(work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const stop =
      patience === 0
        ? () => {}
        : awakeTimeout(patience, () => {
            const what = `no answer within ${patience / 1000} s: the connection is given up`
            lose(new PipelineError('timeout', `${label}: ${what}`))
            late.reject(lost)
          })
    try {
      return await Promise.race([work, late.promise])
    } catch (error) {
      throw lost?.code === 'timeout' ? lost : pgFailure(error, label)
    } finally {
      stop()
    }
  }

  function usable(): void {
    if (lost) throw new PipelineError(lost.code, lost.message, { cause: lost })
  }

  async function query<R>(text: string, params: readonly unknown[] = []): Promise<PgResult<R>> {
    usable()
    const answer = await bounded(client.query({ text, values: [...params] }))
    const last = Array.isArray(answer) ? answer.at(-1) : answer
    return { rows: last?.rows ?? [], count: last?.rowCount ?? 0 }
  }

  /** An aborted transaction answers COMMIT by ROLLBACK, without an error. */
  async function commit(): Promise<void> {
    usable()
    const { command } = await bounded(client.query('COMMIT'))
    if (command !== 'COMMIT')
      throw new PipelineError('internal', `${label}: the transaction had failed, and COMMIT took it back`)
  }

  return {
    label,
    pid,
    get broken() {
      return lost !== undefined
    },
    query,
    async transaction(work, begin = 'BEGIN') {
      await query(begin)
      try {
        const result = await work()
        await commit()
        return result
      } catch (error) {
        if (lost === undefined) await query('ROLLBACK').catch(() => lose(pgFailure(error, label)))
        throw error
      }
    },
    copyIn(sql) {
      usable()
      return copyIn(client.query(from(sql)), bounded)
    },
    async *copyOut(sql) {
      usable()
      const stream = client.query(to(sql))
      const chunks = stream[Symbol.asyncIterator]()
      let isDone = false
      try {
        for (;;) {
          const { done, value } = await bounded(chunks.next() as Promise<IteratorResult<Buffer>>)
          if (done) break
          yield value
        }
        isDone = true
      } catch (error) {
        // the server has said why, and is ready for the next statement
        isDone = true
        throw error
      } finally {
        if (!isDone) lose(new PipelineError('unavailable', `${label}: rows were not read to their end`))
      }
    },
    cancel: () => cancel(at, pid, secretKey),
    destroy: () => lose(new PipelineError('unavailable', `${label}: the connection was given up`)),
    async close() {
      const isOpen = lost === undefined
      lost ??= new PipelineError('internal', `${label}: the connection is closed`)
      if (isOpen) await Promise.race([client.end().catch(() => {}), delay(1000, undefined, { ref: false })])
      socket.destroy()
    },
  }
}

/** CancelRequest: int32 length 16, int32 80877102, int32 pid, int32 key; the server closes without an answer. */
function cancel({ host, port }: { host: string; port: number }, pid: number, key: number): Promise<void> {
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(80877102, 4)
  request.writeInt32BE(pid, 8)
  request.writeInt32BE(key, 12)
  return new Promise(resolve => {
    const socket = host.startsWith('/') ? openSocket(`${host}/.s.PGSQL.${port}`) : openSocket(port, host)
    socket.setTimeout(2000, () => socket.destroy())
    socket.on('error', () => {})
    socket.once('close', () => resolve())
    socket.resume()
    socket.end(request)
  })
}
