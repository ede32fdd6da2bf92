import pg from 'pg'
import { AppError } from '../../../core/errors.ts'
import { pageBytes, takePage } from '../pages.ts'
import { kindOf, storeFailure } from './failures.ts'
import type { Place } from './place.ts'
import { clientConfig, rawTypes, type SessionOptions, socketOf } from './session.ts'

/** Connections that are shared by short statements: reads, and the small writes of commands. */
export interface ReadPool {
  /** Runs `work` on a connection; one that was lost is replaced, and the work done again once: it must bear that. */
  use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>
  /** As `use`, once only. */
  once<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T>
  rows<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]>
  /** As `rows`, for a statement that must not be done twice where its answer is lost. */
  change<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]>
  /** Rows until there are `limit` of them, or a page by `sizeOf`; what the server would send further is not read. */
  page<T extends object>(query: PageQuery<T>): Promise<{ rows: T[]; cut: boolean }>
  end(): Promise<void>
}

export interface PageQuery<T> {
  text: string
  values: readonly unknown[]
  limit: number
  sizeOf: (row: T) => number
  /** all values as the text that Postgres writes. Default false */
  exact?: boolean
}

export function createPool(place: Place, max: number, options: SessionOptions): ReadPool {
  const pool = new pg.Pool({ ...clientConfig(place, options), max, idleTimeoutMillis: 30_000 })
  // of an idle connection: it is taken out of the pool, and the next statement has another one
  pool.on('error', () => {})
  let ended: Promise<void> | undefined

  async function once<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (ended !== undefined) throw new AppError('stopping', 'the store is closed', { retryAfter: 1 })
    const client = await pool.connect()
    // a server that is gone without a word does not answer
    const timer = setTimeout(() => socketOf(client).destroy(), options.statementMs + 5000)
    let broken = true
    // a connection that is lost while it is lent tells nobody else
    const ignore = () => {}
    client.on('error', ignore)
    try {
      const value = await work(client)
      broken = false
      return value
    } catch (error) {
      broken = kindOf(error) === undefined || kindOf(error) === 'lost'
      throw error
    } finally {
      clearTimeout(timer)
      client.off('error', ignore)
      client.release(broken)
    }
  }

  async function use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    try {
      try {
        return await once(work)
      } catch (error) {
        if (kindOf(error) !== 'lost') throw error
        return await once(work)
      }
    } catch (error) {
      throw storeFailure(error, place)
    }
  }

  async function onlyOnce<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    try {
      return await once(work)
    } catch (error) {
      throw storeFailure(error, place)
    }
  }

  const statement =
    <T extends object>(text: string, values: readonly unknown[] = []) =>
    async (client: pg.PoolClient) =>
      (await client.query<T & pg.QueryResultRow>(text, [...values])).rows as T[]

  return {
    use,
    once: onlyOnce,
    rows: <T extends object>(text: string, values?: readonly unknown[]) => use(statement<T>(text, values)),
    change: <T extends object>(text: string, values?: readonly unknown[]) => onlyOnce(statement<T>(text, values)),
    page: query => use(client => readPage(client, query)),
    end: () => (ended ??= pool.end()),
  }
}

function readPage<T extends object>(client: pg.PoolClient, { text, values, limit, sizeOf, exact }: PageQuery<T>) {
  return new Promise<{ rows: T[]; cut: boolean }>((resolve, reject) => {
    const rows: T[] = []
    let page: { rows: T[]; cut: boolean } | undefined
    const query = new pg.Query({ text, values: [...values], ...(exact ? { types: rawTypes } : {}) })
    let bytes = 0
    query.on('row', row => {
      if (page !== undefined) return
      rows.push(row as T)
      bytes += sizeOf(row as T)
      if (bytes < pageBytes) return
      page = { rows, cut: true }
      // the rest may be gigabytes: the connection ends here
      if (rows.length < limit) socketOf(client).destroy()
    })
    query.on('error', error => (page === undefined ? reject(error) : resolve(page)))
    query.on('end', () => resolve(page ?? takePage(rows, limit, () => 0)))
    client.query(query)
  })
}
