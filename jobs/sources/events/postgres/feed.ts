import type { PgSession } from '../../../drivers/postgres/session.ts'
import type { NodeContext } from '../../../runtime/contract.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import { checkPlace, type Place as Position } from '../position.ts'
import type { Feed, FeedOptions, Page, Selection } from '../stores.ts'
import type { Connection } from './connection.ts'
import type { createHorizons, Horizon } from './horizon.ts'
import { followNews, type News } from './news.ts'
import type { PageReader } from './page.ts'
import type { Place } from './place.ts'

interface Options extends FeedOptions {
  place: Place
  connection: Connection
  horizons: ReturnType<typeof createHorizons>
  pages: PageReader
  selection: Selection
  context: NodeContext
}

export function createFeed({ place, connection, horizons, pages, selection, context, to, stop }: Options): Feed {
  const { name, table } = selection
  let session: PgSession | undefined
  let oid: number | undefined
  /** asked in this session, and good until all up to it was read */
  let horizon: Horizon | undefined
  let news: News | undefined

  async function check({ given }: Horizon, position: Position): Promise<void> {
    const { rows } = await session!.query<{ at: string }>(
      `SELECT received_at AS at FROM ${name} WHERE ${table.id} = $1`,
      [position.id],
    )
    checkPlace(place.name, name, position, { given, receivedAt: rows[0] && Number(rows[0].at) })
  }

  async function look(after: Position): Promise<Horizon> {
    const found = await horizons(session!, name)()
    if (found.oid !== oid) {
      await check(found, after)
      if (to !== undefined) await check(found, to)
      oid = found.oid
    }
    // a table that was emptied begins anew
    checkPlace(place.name, name, { id: after.id, receivedAt: undefined }, { given: found.given, receivedAt: undefined })
    return found
  }

  async function readPage(current: PgSession, after: Position, end: number | undefined): Promise<Page> {
    if (current !== session) {
      session = current
      oid = undefined
      horizon = undefined
    }
    horizon ??= await look(after)
    const { safe, given } = horizon
    const last = Math.min(end ?? safe, safe)
    if (end !== undefined && last < end && end <= given) {
      horizon = undefined
      // only after a crash of the server, which may give ids anew that nobody had committed
      throw new PipelineError('unavailable', `${place.name}: rows of ${name} up to ${end} are still being written`)
    }
    const page =
      last > after.id ? await pages.read(current, after, last) : { batch: undefined, last: after, cut: false }
    context.metrics.gauge('rows_behind', page.cut ? (end ?? given) - page.last.id : 0)
    if (!page.cut) horizon = undefined
    return page
  }

  return {
    read: (after, end) => connection.use(`read ${name}`, current => readPage(current, after, end), stop),
    news() {
      news ??= followNews(place, context, stop)
      return news.next()
    },
    close: () => news?.close(),
  }
}
