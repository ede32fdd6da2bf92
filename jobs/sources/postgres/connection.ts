import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverFor } from '../../drivers/postgres/server.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import type { NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** The one connection of a source: opened again with the next call after it was lost. One call at a time. */
export interface Connection {
  /** Tries again what may pass; `what` names it. */
  use<T>(what: string, work: (session: PgSession) => Promise<T>): Promise<T>
  /** Ends what is under way; the next call opens another one. */
  drop(): void
  close(): Promise<void>
}

export function createConnection(context: NodeContext): Connection {
  const { statement_timeout_secs } = context.settings.postgres_source
  let session: PgSession | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let isClosed = false

  async function usable(): Promise<PgSession> {
    if (session?.broken) session = undefined
    session ??= await connectPg({
      server: serverFor(context.settings, 'postgres_source', context.name),
      application: `millrace ${context.pipeline}/${context.name}`,
      statementTimeout: statement_timeout_secs * 1000,
      readOnly: true,
      signal: context.signal,
    })
    if (!isClosed) return session
    session.destroy()
    throw new PipelineError('internal', 'the source is closed')
  }

  return {
    use(what, work) {
      const result = turn.then(() => context.retry(what, async () => work(await usable())))
      turn = result.catch(() => {})
      return result
    },
    drop: () => session?.destroy(),
    async close() {
      isClosed = true
      session?.destroy()
      await turn
    },
  }
}
