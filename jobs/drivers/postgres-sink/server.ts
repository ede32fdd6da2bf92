import type { Settings } from '../../settings.ts'
import { type Server, serverOf } from '../postgres/keys.ts'

/** Where a sink writes to: `postgres_sink`, but for what `postgres_sink_connections` has under the sink's name. */
export function serverFor({ postgres_sink, postgres_sink_connections }: Settings, name: string): Server {
  const base = serverOf(postgres_sink)
  const wanted = normalized(name)
  const own = Object.entries(postgres_sink_connections).find(([key]) => normalized(key) === wanted)?.[1]
  if (own === undefined) return base
  return {
    host: own.host ?? base.host,
    port: own.port ?? base.port,
    user: own.user ?? base.user,
    password: own.pass ?? own.password ?? base.password,
    database: own.database ?? own.db ?? base.database,
    sslmode: own.sslmode ?? base.sslmode,
    sslrootcert: own.sslrootcert ?? base.sslrootcert,
  }
}

/** As the model spells a sink's name in the environment. */
const normalized = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '_')
