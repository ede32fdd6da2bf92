import type { NodeContext } from '../../../runtime/contract.ts'
import { checkPlace, type Place } from '../position.ts'
import type { Feed, FeedOptions, Page, Selection } from '../stores.ts'
import type { Connection } from './connection.ts'
import type { PageReader } from './page.ts'
import type { Session } from './store.ts'
import { type StoreWatch, watchStore } from './watch.ts'

export function createFeed(
  connection: Connection,
  pages: PageReader,
  { name, table }: Selection,
  { to, stop }: FeedOptions,
  { metrics }: NodeContext,
): Feed {
  let checked: Session | undefined
  let watch: StoreWatch | undefined

  function check(session: Session, place: Place): void {
    const found = session.db.prepare(`select received_at from ${name} where ${table.id} = ?`).pluck().get(place.id)
    checkPlace(session.path, name, place, { given: session.lastId(name), receivedAt: found as number | undefined })
  }

  /** A page ends where another commit may have come since: `mark` goes first. */
  function readPage(session: Session, after: Place, end: number | undefined): Page {
    if (session !== checked) {
      check(session, after)
      if (to !== undefined) check(session, to)
      checked = session
    }
    session.mark()
    const page = pages.read(session, after, end ?? Number.MAX_SAFE_INTEGER)
    metrics.gauge('rows_behind', page.cut ? (end ?? session.lastId(name)) - page.last.id : 0)
    return page
  }

  return {
    read: (after, end) => connection.use(`read ${name}`, session => readPage(session, after, end)),
    async news() {
      while (!stop.aborted) {
        connection.dropIfReplaced()
        const changed = await connection.use(`look for new rows of ${name}`, session => {
          watch ??= watchStore(session.file, stop)
          return session !== checked || session.changed()
        })
        if (changed) return
        await watch!.next()
      }
    },
    close: () => watch?.close(),
  }
}
