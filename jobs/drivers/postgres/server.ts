import type { Settings } from '../../settings.ts'
import { type Server, serverOf } from './keys.ts'

/** The server of a source or sink: that of its section, but for what `…_connections` has under the node's name. */
export function serverFor(settings: Settings, section: 'postgres_source' | 'postgres_sink', name: string): Server {
  const base = serverOf(settings[section])
  const wanted = normalized(name)
  const own = Object.entries(settings[`${section}_connections`]).find(([key]) => normalized(key) === wanted)?.[1]
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

/** As the model spells a node's name in the environment. */
const normalized = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '_')
