import { existsSync } from 'node:fs'
import { AppError } from '../../../core/errors.ts'
import { isSqliteBusy } from '../../../core/sqlite-cause.ts'
import type { Store } from '../store.ts'
import { createCatalog } from './catalog.ts'
import { openForWriting, refuseFile } from './database.ts'
import { storeFailure } from './failures.ts'
import { purge } from './purge.ts'
import { createQueryRunner } from './query/runner.ts'
import { tailSql } from './query/tail.ts'

/** A command's small writes wait this long for the gateway's commits to leave a gap. */
const patience = 30_000
/** Each try sleeps for so long inside SQLite, so that a loop of them takes 3 % of a core; ms. */
const tryMs = 1

/** The file of a store beside the gateway that owns it: reads, and small writes that only wait. */
export async function openGuest(path: string): Promise<Store> {
  if (!existsSync(path))
    throw new AppError(
      'not_found',
      `there is no store at ${path}: start the gateway once, or name the file with --store`,
    )
  /** A busy gateway leaves gaps of microseconds between commits: SQLite's own waiting sleeps through them. */
  async function write<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + patience
    for (;;) {
      try {
        return work()
      } catch (error) {
        if (!isSqliteBusy(error) || performance.now() > deadline) throw storeFailure(error, path)
      }
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  async function read<T>(work: () => T): Promise<T> {
    try {
      return work()
    } catch (error) {
      throw storeFailure(error, path)
    }
  }

  // the gateway may be making the tables at this moment
  const db = await write(() => {
    refuseFile(path, false)
    return openForWriting(path, 'full', tryMs)
  })
  const catalog = createCatalog(db)
  const queries = createQueryRunner(path)

  const refuse = (what: string) =>
    new AppError('not_supported', `a guest of the store cannot ${what}: that is the gateway's`)

  return {
    append: () => Promise.reject(refuse('append')),
    closeStream() {
      throw refuse('close streams')
    },
    listStreams: query => read(() => catalog.listStreams(query)),
    getStream: ref => read(() => catalog.getStream(ref)),
    async deleteStream(ref) {
      const id = await write(() => catalog.beginDelete(ref))
      if (id === undefined) return false
      while (await write(() => catalog.deleteSlice(id))) await new Promise(resolve => setImmediate(resolve))
      return true
    },
    readStream: (streamId, from, limit) => read(() => catalog.readStream(streamId, from, limit)),
    readTail: query =>
      query.where === undefined
        ? read(() => catalog.readTail(query))
        : tailSql(query, catalog.lastEventId(), (sql, params, limits) => queries.run(sql, params, limits)),
    lastEventId: () => read(() => catalog.lastEventId()),
    onCommit() {
      throw refuse('be told of commits')
    },
    query: (sql, params, limits, gone) => queries.run(sql, params, limits, gone),
    listDeadLetters: query => read(() => catalog.listDeadLetters(query)),
    getDeadLetter: id => read(() => catalog.getDeadLetter(id)),
    retryDeadLetter: (id, payload) => write(() => catalog.retryDeadLetter(id, payload)),
    purgeDeadLetters: (ids, tenant) =>
      purge(ids, tenant, {
        find: (...query) => read(() => catalog.deadLetterIds(...query)),
        slice: found => write(() => catalog.purgeDeadLetters(found)),
      }),
    listTokens: () => read(() => catalog.listTokens()),
    createToken: token => write(() => catalog.createToken(token)),
    revokeToken: (idOrName, at) => write(() => catalog.revokeToken(idOrName, at)),
    watchTokens() {
      throw refuse('watch tokens')
    },
    health: () => ({ ok: true }),
    stats: () => ({ queuedAppends: 0, queuedBytes: 0, commits: 0, appends: 0, events: 0, commitSeconds: 0 }),
    async close() {
      await queries.end(new AppError('stopping', 'the store is closed', { retryAfter: 1 }))
      db.close()
    },
  }
}
