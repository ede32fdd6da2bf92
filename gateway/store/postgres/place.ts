import { AppError } from '../../../core/errors.ts'
import { nearestName } from '../../../core/nearest.ts'

/** Where a store lies. Only `name` may be shown: the URL may hold a password. */
export interface Place {
  /** for the driver */
  url: string
  schema: string
  name: string
}

const defaultSchema = 'millrace'
/** Parameters of a URL: ours, then those that the driver takes. */
const taken = [
  'schema',
  ...['host', 'port', 'user', 'password', 'options', 'application_name', 'fallback_application_name'],
  ...['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat'],
  ...['client_encoding', 'connect_timeout', 'statement_timeout', 'query_timeout', 'lock_timeout'],
  'idle_in_transaction_session_timeout',
]

/** What a store URL names: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME`, and what else the driver takes. */
export function placeOf(text: string): Place {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw refused('is no URL')
  }
  if (url.hostname === '' && !url.searchParams.has('host')) throw refused('names no host')
  if (url.pathname.length < 2) throw refused('names no database')
  for (const key of url.searchParams.keys()) if (!taken.includes(key)) throw unknown(key)
  const schema = url.searchParams.get('schema') ?? defaultSchema
  if (!/^[a-z_][a-z0-9_]{0,39}$/.test(schema) || schema.startsWith('pg_'))
    throw new AppError(
      'bad_request',
      `the schema ${JSON.stringify(schema)} of the store is no name of at most 40 characters out of a-z, 0-9 and _`,
    )
  url.searchParams.delete('schema')
  const shown = schema === defaultSchema ? '' : `?schema=${schema}`
  return { url: url.href, schema, name: `postgres://${url.host}${url.pathname}${shown}` }
}

const refused = (why: string) =>
  new AppError('bad_request', `the store ${why}: write postgres://USER:PASSWORD@HOST:PORT/DATABASE`)

/** One that was ignored might be a misspelled `schema`, and mix two stores. */
function unknown(key: string): AppError {
  const guess = nearestName(key, taken)
  const way = guess === undefined ? `it knows ${taken.join(', ')}` : `did you mean ${guess}?`
  return new AppError('bad_request', `the store does not know the parameter ${JSON.stringify(key)} of its URL: ${way}`)
}
