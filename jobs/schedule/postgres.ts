import { connectPg } from '../drivers/postgres/connect.ts'
import type { PgSession } from '../drivers/postgres/session.ts'
import { PipelineError } from '../runtime/errors.ts'
import { refuseOthers } from '../sources/events/postgres/catalog.ts'
import { prepare } from '../sources/events/postgres/connection.ts'
import { type Place, storePlaceOf } from '../sources/events/postgres/place.ts'

/** A job's work on a store in Postgres: one session, the schema as its search path, one statement at a time. */

export interface StoreWork {
  /** as the server lists it */
  job: string
  signal: AbortSignal
  /** of the session, which win over those of the URL; times in ms: `{ lock_timeout: '1000' }` */
  settings: Readonly<Record<string, string>>
}

/** Opens the store, does the work, and closes. Once `signal` aborts, the server is told to give up what it does. */
export async function inStore<T>(
  url: string,
  { job, signal, settings }: StoreWork,
  work: (session: PgSession, place: Place) => Promise<T>,
): Promise<T> {
  const place = storePlaceOf(url)
  // no bound of its own: statements over all rows take as long as there are rows
  const session = await connectPg({
    server: place.server,
    application: `millrace ${job}`,
    statementTimeout: 0,
    signal,
  })
  const giveUp = () => void session.cancel()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await prepare(session, place, { statement_timeout: '0', ...settings })
    await refuseOthers(session, place, false)
    return await work(session, place)
  } finally {
    signal.removeEventListener('abort', giveUp)
    await session.close()
  }
}

export interface Owned {
  /** with its schema, where that has to be said */
  name: string
  owner: string
  /** the user may do what its owner may */
  mine: boolean
}

/** Columns of `Owned`, of a row `c` of pg_class. */
export const ownedSql =
  "c.oid::regclass::text AS name, pg_get_userbyid(c.relowner)::text AS owner, pg_has_role(c.relowner, 'usage') AS mine"

/** Throws `refused` where a table is not the user's. `what`: what only an owner may do with it. */
export async function refuseStrangers(session: PgSession, { name }: Place, tables: readonly Owned[], what: string) {
  const strange = tables.filter(({ mine }) => !mine)
  if (strange.length === 0) return
  const { rows } = await session.query<{ who: string }>('SELECT current_user::text AS who')
  const { who } = rows[0]!
  const owners = [...new Set(strange.map(({ owner }) => owner))].join(', ')
  const more = strange.length === 1 ? '' : ` and ${strange.length - 1} more tables`
  throw new PipelineError(
    'refused',
    `${name}: the user ${who} may not ${what} ${strange[0]!.name}${more}, which only the owner (${owners}) may: grant ${owners} to ${who}, or name that user in the URL of the store`,
  )
}
