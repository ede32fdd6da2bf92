import { AppError } from '../../../core/errors.ts'

/** Where a store lies. Only `name` may be shown: the URL may hold a password. */
export interface Place {
  /** for the driver */
  url: string
  schema: string
  name: string
}

const defaultSchema = 'millrace'

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
