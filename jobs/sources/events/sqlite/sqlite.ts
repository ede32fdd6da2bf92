import type { NodeContext } from '../../../runtime/contract.ts'
import type { EventStore } from '../stores.ts'
import { withoutTable } from '../tables.ts'
import { createConnection } from './connection.ts'
import { createFeed } from './feed.ts'
import { createPageReader } from './page.ts'

/** The file of a gateway. `mayCome`: one that is missing is waited for. */
export function openSqliteStore(path: string, mayCome: boolean, context: NodeContext): EventStore {
  const connection = createConnection(path, mayCome, context)
  return {
    name: path,
    look: ({ name }) =>
      connection.use(`open ${path}`, session => {
        const columns = session.columns(name)
        if (columns.length === 0) throw withoutTable(path, name)
        const last = session.lastId(name)
        return { columns, last, given: last }
      }),
    prepare(selection, schema) {
      const pages = createPageReader(selection, schema)
      return options => createFeed(connection, pages, selection, options, context)
    },
    close: async () => connection.close(),
  }
}
