import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import Database from 'better-sqlite3'
import { besideGateway, type Connection, createConnection, tryMs } from '../drivers/sqlite/connection.ts'
import { PipelineError } from '../runtime/errors.ts'
import { storePlaceOf } from '../sources/events/postgres/place.ts'
import { isPostgres } from '../sources/events/stores.ts'

/** Which store a URL names. */
export interface StoreName {
  /** the same for all URLs of one store that can be told from their text, or from the disk */
  id: string
  /** for messages: without a password */
  shown: string
}

export function storeNameOf(url: string): StoreName {
  if (!isPostgres(url)) return { id: `sqlite ${realPath(storeFile(url))}`, shown: url }
  const { server, schema, name } = storePlaceOf(url)
  const { host, port, database } = server
  return { id: `postgres ${host.toLowerCase()}:${port} ${database} ${schema}`, shown: name }
}

/** The file that a store URL names. */
export function storeFile(url: string): string {
  const file = /^sqlite:(.+)$/s.exec(url)?.[1]
  if (file !== undefined) return file
  // the rest may hold a password
  const scheme = url.slice(0, url.indexOf(':') + 1)
  throw new PipelineError(
    'bad_pipeline',
    `jobs know no store ${scheme || JSON.stringify(url)}: name one as sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE`,
  )
}

/** A file has many names; where there is none yet, its name has to do. */
function realPath(file: string): string {
  const path = resolve(file)
  return existsSync(path) ? realpathSync(path) : path
}

/** Throws where there is no file: opening it would make one. */
export function requireStore(url: string): void {
  if (!existsSync(storeFile(url)))
    throw new PipelineError('bad_pipeline', `there is no store ${url}: start the gateway once, or name another`)
}

/**
 * A connection for small writes beside a gateway. `synchronous`: NORMAL where a write that a power cut takes back does
 * no harm.
 */
export function storeConnection(url: string, synchronous: 'FULL' | 'NORMAL'): Connection {
  const open = (path: string) => {
    const db = new Database(path, { timeout: tryMs, fileMustExist: true })
    db.pragma(`synchronous = ${synchronous}`)
    // whoever makes much of a log keeps it short
    db.pragma('wal_autocheckpoint = 0')
    return db
  }
  return createConnection({
    file: storeFile(url),
    what: 'store',
    open,
    wayOut: 'put it back, and start again',
    patience: besideGateway,
  })
}
