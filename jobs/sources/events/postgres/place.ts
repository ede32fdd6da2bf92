import { type Server, type SslMode, sslModes } from '../../../drivers/postgres/keys.ts'
import { PipelineError } from '../../../runtime/errors.ts'

/** Where a store lies. Only `name` may be shown: the server has the password. */
export interface Place {
  server: Server
  schema: string
  /** `postgres://HOST:PORT/DATABASE?schema=NAME`, without what is as usual */
  name: string
  /** of its sessions, by name: what the URL says as `options=-c NAME=VALUE` */
  settings: ReadonlyMap<string, string>
}

const defaultSchema = 'millrace'
/** What the driver of a gateway takes, and a pipeline does in its own way. */
const ignored = ['application_name', 'connect_timeout', 'fallback_application_name']
const taken = ['schema', 'host', 'sslmode', 'sslrootcert', 'options']

/** What a store URL names, as a gateway takes it: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME`. */
export function storePlaceOf(text: string): Place {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw refused('is no URL')
  const query = url.searchParams
  const host = query.get('host') ?? url.hostname.replace(/^\[(.*)\]$/, '$1')
  const database = decoded(url.pathname.slice(1))
  if (host === '') throw refused('names no host')
  if (database === '') throw refused('names no database')
  const unknown = [...query.keys()].filter(key => !taken.includes(key) && !ignored.includes(key))
  if (unknown.length > 0)
    throw refused(`has the parameter ${unknown.join(', ')} in its URL, and a pipeline knows ${taken.join(', ')}`)
  const schema = query.get('schema') ?? defaultSchema
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema) || schema.startsWith('pg_'))
    throw refused(
      `has the schema ${JSON.stringify(schema)}, which is no name of at most 40 characters out of a-z, 0-9 and _`,
    )
  const shown = schema === defaultSchema ? '' : `?schema=${schema}`
  return {
    server: {
      host,
      port: Number(url.port || 5432),
      // as the driver of a gateway does where the URL says nothing
      user: decoded(url.username) || process.env.PGUSER || process.env.USER || 'postgres',
      password: decoded(url.password) || process.env.PGPASSWORD || '',
      database,
      sslmode: sslModeOf(query.get('sslmode') ?? 'prefer'),
      sslrootcert: query.get('sslrootcert') ?? undefined,
    },
    schema,
    name: `postgres://${url.host || host}/${database}${shown}`,
    settings: settingsOf(query.get('options') ?? ''),
  }
}

function sslModeOf(mode: string): SslMode {
  // a word of the gateway's driver
  if (mode === 'no-verify') return 'require'
  const known = sslModes.find(candidate => candidate === mode)
  if (known !== undefined) return known
  throw refused(`has the sslmode ${JSON.stringify(mode)}, which is none of ${sslModes.join(', ')}`)
}

/** `-c NAME=VALUE -c NAME=VALUE`; a backslash stands before a space that is part of a value. */
function settingsOf(options: string): ReadonlyMap<string, string> {
  const found = options.matchAll(/(?:-c\s*|--)([\w.-]+)=((?:\\.|[^\s\\])*)/g)
  return new Map([...found].map(([, name, value]) => [name!.replaceAll('-', '_'), value!.replace(/\\(.)/g, '$1')]))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refused('has a % in its URL that begins no escape: write %25 for it')
  }
}

const refused = (why: string) =>
  new PipelineError('bad_pipeline', `the store ${why}: write postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME`, {
    path: ['store'],
  })
