import type { Socket } from 'node:net'
import pg from 'pg'
import type { Place } from './place.ts'

/** Connections as this store uses them: its schema, UTC, exact numbers, and a socket that tells when it is gone. */

export interface SessionOptions {
  /** shown in pg_stat_activity; at most 63 bytes */
  name: string
  /** ms; 0: none */
  statementMs: number
  /** `relaxed`: a commit does not wait until it is on disk */
  durability?: 'full' | 'relaxed'
}

/** A wait for a lock ends so soon, that of a paused gateway included; ms. */
export const lockMs = 5000
/** A transaction of a process that is paused, or gone without a word, ends after so long; ms. */
export const idleMs = 10_000
const connectMs = 5000

type Parser = (text: string) => unknown
const asNumber: Parser = Number
const parsers: Record<number, Parser> = {
  16: text => text === 't',
  17: text => Buffer.from(text.slice(2), 'hex'),
  20: asNumber,
  21: asNumber,
  23: asNumber,
}
const asText: Parser = text => text
/** Whole numbers as numbers (those that are ours are within 2^53), bytea as bytes, all else as text. */
const types = { getTypeParser: (oid: number) => parsers[oid] ?? asText } as pg.CustomTypesConfig
/** Everything as the text that Postgres writes. */
export const rawTypes = { getTypeParser: () => asText } as pg.CustomTypesConfig

export function clientConfig(place: Place, options: SessionOptions): pg.ClientConfig {
  const settings: Record<string, string | number> = {
    search_path: place.schema,
    statement_timeout: options.statementMs,
    lock_timeout: lockMs,
    idle_in_transaction_session_timeout: idleMs,
    standard_conforming_strings: 'on',
    client_encoding: 'UTF8',
    timezone: 'UTC',
    datestyle: 'ISO',
    intervalstyle: 'postgres',
    bytea_output: 'hex',
    extra_float_digits: 1,
    // so that a server which may ack before it is on disk does not
    ...(options.durability === undefined ? {} : { synchronous_commit: options.durability === 'full' ? 'on' : 'off' }),
  }
  const url = new URL(place.url)
  const given = url.searchParams.get('options') ?? ''
  url.searchParams.delete('options')
  return {
    connectionString: url.href,
    application_name: options.name,
    // those of the URL last: they win
    options: [...Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`), given].join(' ').trim(),
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    types,
  }
}

export interface Session {
  client: pg.Client
  /** Ends the connection at once, whatever it does; what is asked of it rejects. */
  destroy(): void
  end(): Promise<void>
  /** Runs `work`; after `ms` the connection is destroyed, since a server that is gone without a word never answers. */
  within<T>(ms: number, work: () => Promise<T>): Promise<T>
}

/** Rejects with what the driver says; `onLost` is called once where the connection ends by itself. */
export async function openSession(place: Place, options: SessionOptions, onLost = () => {}): Promise<Session> {
  const client = new pg.Client(clientConfig(place, options))
  const destroy = () => socketOf(client).destroy()
  let lost = false
  // it may also come while nothing is asked; whatever is asked later rejects
  client.on('error', () => {
    if (lost) return
    lost = true
    onLost()
  })
  try {
    await client.connect()
  } catch (error) {
    destroy()
    throw error
  }
  return {
    client,
    destroy,
    end: () => client.end().catch(() => {}),
    async within(ms, work) {
      const timer = setTimeout(destroy, ms)
      try {
        return await work()
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

interface WithSocket {
  connection: { stream: Socket }
}

/** Of a client of the driver, whose types do not tell of it. */
export const socketOf = (client: unknown) => (client as WithSocket).connection.stream
