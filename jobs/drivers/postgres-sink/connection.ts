import type { NodeContext } from '../../runtime/contract.ts'
import { connectPg } from '../postgres/connect.ts'
import type { Server } from '../postgres/keys.ts'
import { serverFor } from '../postgres/server.ts'
import type { PgSession } from '../postgres/session.ts'

/** of the server, for staged rows and again to sort them; what is more lies in its temporary files */
const stagingMemory = '32MB'

/** A sink on its one connection, which ends where the sink cannot be opened. A server that is away is waited for. */
export async function openOn<T>(context: NodeContext, open: (session: PgSession) => Promise<T>): Promise<T> {
  const session = await openConnection(context)
  try {
    return await open(session)
  } catch (error) {
    session.destroy()
    throw error
  }
}

function openConnection(context: NodeContext): Promise<PgSession> {
  const server = serverFor(context.settings, 'postgres_sink', context.name)
  return context.retry(`connect to postgres ${server.host}:${server.port}`, async () => {
    const session = await connect(context, server)
    try {
      // a commit that is not on disk yet must not be final for the sources
      await session.query(
        `set temp_buffers = '${stagingMemory}'; set work_mem = '${stagingMemory}';
         select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`,
      )
      return session
    } catch (error) {
      session.destroy()
      throw error
    }
  })
}

/** Such as 150004. */
export async function versionOf(session: PgSession): Promise<number> {
  const { rows } = await session.query<{ version: string }>(`select current_setting('server_version_num') as version`)
  return Number(rows[0]!.version)
}

/** A connection for `check`, which waits for nobody. */
export const openForCheck = (context: NodeContext): Promise<PgSession> =>
  connect(context, serverFor(context.settings, 'postgres_sink', context.name))

function connect({ settings, pipeline, name, signal }: NodeContext, server: Server): Promise<PgSession> {
  const { statement_timeout_secs, pool_acquire_timeout_secs } = settings.postgres_sink
  return connectPg({
    server,
    application: `millrace ${pipeline}/${name}`,
    statementTimeout: statement_timeout_secs * 1000,
    connectTimeout: pool_acquire_timeout_secs * 1000,
    signal,
  })
}

/**
 * `context.retry` for work on a connection that has rows in temporary tables: once it is lost, they are, and only the
 * next attempt of the pipeline can go on. The error then ends this one.
 */
export async function retryOn<T>(
  session: PgSession,
  context: NodeContext,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const result = await context.retry(what, async (): Promise<{ value: T } | { error: unknown }> => {
    try {
      return { value: await work() }
    } catch (error) {
      if (session.broken) return { error }
      throw error
    }
  })
  if ('error' in result) throw result.error
  return result.value
}
