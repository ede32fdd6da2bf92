import { connectPg } from '../../../drivers/postgres/connect.ts'
import { sqlStateOf } from '../../../drivers/postgres/failures.ts'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import type { NodeContext } from '../../../runtime/contract.ts'
import { PipelineError, toPipelineError } from '../../../runtime/errors.ts'
import type { Place } from './place.ts'

/** A page is small: what takes longer waits for something, ms. */
const statementMs = 30_000

/** One session with the store at a time; another one is opened where the last one was lost. */
export interface Connection {
  /** Runs `work`, again where it failed for something that passes. `what` names the try; `stop` ends it. */
  use<T>(what: string, work: (session: PgSession) => Promise<T>, stop?: AbortSignal): Promise<T>
  close(): Promise<void>
}

/** `check`: whether a new session is with a store that can be read. */
export function createConnection(
  place: Place,
  context: NodeContext,
  check: (session: PgSession) => Promise<void>,
): Connection {
  const { name, server } = place
  const closing = new AbortController()
  let session: PgSession | undefined
  let turn: Promise<unknown> = Promise.resolve()

  async function open(): Promise<PgSession> {
    const opened = await connectPg({
      server,
      application: `millrace ${context.pipeline}/${context.name}`,
      statementTimeout: statementMs,
      // whoever may only read is welcome; `check` tells a standby
      readOnly: true,
      signal: AbortSignal.any([context.signal, closing.signal]),
    })
    try {
      await prepare(opened, place)
      await check(opened)
      return opened
    } catch (error) {
      opened.destroy()
      throw error
    }
  }

  async function attempt<T>(work: (session: PgSession) => Promise<T>, stop?: AbortSignal): Promise<T> {
    if (closing.signal.aborted || stop?.aborted)
      throw new PipelineError('internal', `${name} was closed while a reader waited for it`)
    const drop = () => session?.destroy()
    try {
      if (session?.broken) session = undefined
      session ??= await open()
      stop?.addEventListener('abort', drop, { once: true })
      return await work(session)
    } catch (error) {
      context.signal.throwIfAborted()
      throw failure(error, name)
    } finally {
      stop?.removeEventListener('abort', drop)
    }
  }

  return {
    use: (what, work, stop) =>
      context.retry(what, () => {
        // one at a time: what a closed reader began may still be on its way out
        const result = turn.then(() => attempt(work, stop))
        turn = result.catch(() => {})
        return result
      }),
    async close() {
      closing.abort()
      session?.destroy()
      await turn
    },
  }
}

/**
 * Rows are read along the index, page by page, whatever the server thinks of its statistics: any other plan reads or
 * sorts the whole table for a page.
 */
const own = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
}

/** `more`: settings that win over those of the URL. */
export async function prepare(
  session: PgSession,
  { schema, settings }: Place,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const all = new Map([...Object.entries(own), ...settings, ...Object.entries(more), ['search_path', schema]])
  await session.query('SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS s(name, value)', [
    [...all.keys()],
    [...all.values()],
  ])
}

/** Undefined column, function, schema, table: they were there when the session began. */
const gone = ['42703', '42883', '3F000', '42P01']

/** What became of a try to read, as a pipeline sees it. */
function failure(error: unknown, name: string): PipelineError {
  if (!gone.includes(sqlStateOf(error) ?? '')) return toPipelineError(error)
  const { message } = error as Error
  return new PipelineError('state', `the store ${name} is not as it was when it was opened: ${message}`, {
    cause: error,
  })
}
