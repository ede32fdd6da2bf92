import type { NodeContext } from '../../../runtime/contract.ts'
import type { EventStore } from '../stores.ts'
import { columnsOf, refuseOthers } from './catalog.ts'
import { createConnection } from './connection.ts'
import { createFeed } from './feed.ts'
import { createHorizons } from './horizon.ts'
import { createPageReader } from './page.ts'
import { storePlaceOf } from './place.ts'

/** The database of one or many gateways. `mayCome`: a schema that is missing is waited for. */
export function openPostgresStore(url: string, mayCome: boolean, context: NodeContext): EventStore {
  const place = storePlaceOf(url)
  const connection = createConnection(place, context, session => refuseOthers(session, place, mayCome))
  const horizons = createHorizons()
  return {
    name: place.name,
    look: ({ name, id }) =>
      connection.use(`open ${place.name}`, async session => {
        const columns = await columnsOf(session, place, name)
        const { given, safe } = await horizons(session, name)()
        // a row that was committed: the ids behind it may be given anew after a crash of the server
        const { rows } = await session.query<{ last: string }>(
          `SELECT ${id} AS last FROM ${name} WHERE ${id} <= $1 ORDER BY ${id} DESC LIMIT 1`,
          [safe],
        )
        return { columns, last: Number(rows[0]?.last ?? 0), given }
      }),
    prepare(selection, schema) {
      const pages = createPageReader(selection, schema)
      return options => createFeed({ place, connection, horizons, pages, selection, context, ...options })
    },
    close: () => connection.close(),
  }
}
