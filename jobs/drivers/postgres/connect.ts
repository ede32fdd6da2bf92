import { PipelineError } from '../../runtime/errors.ts'
import { clientOf, type Way } from './client.ts'
import { isRetryable, pgFailure, sqlStateOf } from './failures.ts'
import type { Server } from './keys.ts'
import { createSession, type PgSession } from './session.ts'
import { tlsOf } from './tls.ts'

export interface ConnectOptions {
  server: Server
  /** who asks, as the server lists it: `millrace PIPELINE/NODE` */
  application: string
  /** milliseconds that a statement may take, default 60,000; the connection is given up after twice that. 0: no bound */
  statementTimeout?: number
  /** milliseconds, default 10,000 */
  connectTimeout?: number
  /** A server that takes no writes will do: it is `unavailable` otherwise, since it may be about to be promoted. */
  readOnly?: boolean
  /** ends the connection at once */
  signal?: AbortSignal | undefined
}

/**
 * Opens a connection: each host in turn, with and without TLS as `sslmode` says. Times are in UTC, and a transaction
 * that its client left idle ends after `statementTimeout`, so that a paused writer frees its locks.
 */
export async function connectPg(options: ConnectOptions): Promise<PgSession> {
  const ways = await tlsOf(options.server)
  let failure: unknown
  for (const host of options.server.host.split(',').map(name => name.trim())) {
    try {
      return await openHost(options, host, ways)
    } catch (error) {
      // what may pass is said rather than what will not
      if (!isRetryable(failure)) failure = error
    }
  }
  throw failure
}

/** `allow` and `prefer` go on where the server wants the other way, not where it refuses both. */
async function openHost(options: ConnectOptions, host: string, ways: readonly Way[]): Promise<PgSession> {
  const [first, second] = ways
  try {
    return await open(options, host, first!)
  } catch (error) {
    const isOther = sqlStateOf(error) === '28000' || (first !== false && /SSL|TLS/.test((error as Error).message))
    if (second === undefined || !isOther) throw error
    return open(options, host, second).catch(other => {
      throw first === false ? error : other
    })
  }
}

async function open(options: ConnectOptions, host: string, ssl: Way): Promise<PgSession> {
  const { application, statementTimeout = 60_000, connectTimeout = 10_000, readOnly = false, signal } = options
  const { port, database } = options.server
  const label = `postgres ${host}:${port}/${database}`
  signal?.throwIfAborted()
  const client = clientOf(options.server, host, ssl, application, connectTimeout)
  try {
    await client.connect()
  } catch (error) {
    client.end().catch(() => {})
    throw pgFailure(error, label)
  }
  const session = createSession({ client, label, at: { host, port }, patience: 2 * statementTimeout })
  const abort = () => session.destroy()
  signal?.addEventListener('abort', abort, { once: true })
  client.once('end', () => signal?.removeEventListener('abort', abort))
  try {
    await prepare(session, statementTimeout, readOnly)
    signal?.throwIfAborted()
    return session
  } catch (error) {
    session.destroy()
    throw error
  }
}

const given = {
  timezone: 'UTC',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  // the server notices within a minute that a client is gone, and frees its locks
  tcp_keepalives_idle: '20',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
  client_connection_check_interval: '10s',
  idle_session_timeout: '0',
}

/** Sets what this version of the server knows, and asks whether it takes writes. */
async function prepare(session: PgSession, statementTimeout: number, readOnly: boolean): Promise<void> {
  const settings = {
    ...given,
    statement_timeout: String(statementTimeout),
    idle_in_transaction_session_timeout: String(statementTimeout),
  }
  const { rows } = await session.query<{ is_read_only: boolean }>(
    `SELECT bool_or(setting.name = 'transaction_read_only' AND setting.setting = 'on') AS is_read_only,
       -- what was committed is kept, whatever the server does for others
       count(CASE WHEN setting.name = 'synchronous_commit' AND setting.setting = 'off' THEN set_config(setting.name, 'on', false) END),
       count(CASE WHEN wanted.name IS NOT NULL THEN set_config(wanted.name, wanted.value, false) END)
     FROM pg_catalog.pg_settings AS setting
     LEFT JOIN unnest($1::text[], $2::text[]) AS wanted(name, value) ON wanted.name = lower(setting.name)`,
    [Object.keys(settings), Object.values(settings)],
  )
  if (rows[0]?.is_read_only && !readOnly)
    throw new PipelineError(
      'unavailable',
      `${session.label}: the server takes no writes: it is a standby, or default_transaction_read_only is on`,
    )
}
