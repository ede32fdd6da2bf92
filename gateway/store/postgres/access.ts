import { AppError } from '../../../core/errors.ts'
import type { Store } from '../store.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { storeFailure } from './failures.ts'
import type { Place } from './place.ts'
import { createPool } from './pool.ts'
import { createQueryRunner, queryConnections } from './query/run.ts'
import { tailSql } from './query/tail.ts'
import { createStreamReader } from './stream.ts'

/** Connections of reads and small writes. */
const readers = 4
const readMs = 30_000
/** Queries have limits of their own; this is for one that is asked to run for ever. */
const queryMs = 3_600_000

type Shared = Omit<Store, 'append' | 'closeStream' | 'onCommit' | 'watchTokens' | 'health' | 'stats' | 'close'>

/** What owner and guest do in the same way: all but appends and what is told by itself. */
export function openAccess(place: Place, gateway: string): { store: Shared; catalog: Catalog; end(): Promise<void> } {
  const name = `millrace ${gateway}`
  const pool = createPool(place, readers, { name: `${name} reads`, statementMs: readMs })
  const queries = createQueryRunner(
    place,
    createPool(place, queryConnections, { name: `${name} queries`, statementMs: queryMs }),
    pool,
  )
  const catalog = createCatalog(pool)
  const readStream = createStreamReader(pool)
  return {
    catalog,
    store: {
      listStreams: catalog.listStreams,
      getStream: catalog.getStream,
      async deleteStream(ref) {
        const id = await catalog.beginDelete(ref)
        if (id !== undefined) await catalog.deleteRows(id)
        return id !== undefined
      },
      readStream,
      async readTail(query) {
        if (query.where === undefined) return catalog.readTail(query)
        const { end, next } = await catalog.tailEnd(query.after, query.limit)
        const page = await tailSql(query, end, queries.run)
        return end <= query.after ? { events: [], next } : page
      },
      lastEventId: catalog.lastEventId,
      query: queries.run,
      listDeadLetters: catalog.listDeadLetters,
      getDeadLetter: catalog.getDeadLetter,
      retryDeadLetter: catalog.retryDeadLetter,
      purgeDeadLetters: catalog.purgeDeadLetters,
      listTokens: catalog.listTokens,
      createToken: catalog.createToken,
      revokeToken: catalog.revokeToken,
    },
    async end() {
      await Promise.all([queries.end(), pool.end()])
    },
  }
}

/** Wraps what a server says at the start, of which nothing is known yet. */
export async function told<T>(place: Place, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof AppError ? error : storeFailure(error, place)
  }
}
