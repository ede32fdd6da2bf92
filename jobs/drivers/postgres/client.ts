import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { Server } from './keys.ts'

/** With or without TLS. */
export type Way = false | ConnectionOptions

/** A client for one host of the server, not connected yet. Failures reach whoever asks it, and its `end` tells the rest. */
export function clientOf(
  { port, user, password, database }: Server,
  host: string,
  ssl: Way,
  application: string,
  connectTimeout: number,
): pg.Client {
  const client = new pg.Client({
    host,
    port,
    user,
    password,
    database,
    ssl,
    application_name: application.slice(0, 63),
    connectionTimeoutMillis: connectTimeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
  })
  client.on('error', () => {})
  return client
}

const { builtins } = pg.types
const parsed = new Set<number>([
  builtins.BOOL,
  builtins.INT2,
  builtins.INT4,
  builtins.OID,
  builtins.FLOAT4,
  builtins.FLOAT8,
  builtins.BYTEA,
  // arrays of boolean, int2, int4, text, name, oid
  1000,
  1005,
  1007,
  1009,
  1003,
  1028,
])

function parserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  return parsed.has(oid) ? pg.types.getTypeParser(oid, format as 'text') : value => value
}
