import Database from 'better-sqlite3'
import { besideGateway, type Connection, createConnection, tryMs } from '../drivers/sqlite/connection.ts'
import { PipelineError } from '../runtime/errors.ts'

/** The file that a store URL names. */
export function storeFile(url: string): string {
  const file = /^sqlite:(.+)$/s.exec(url)?.[1]
  if (file !== undefined) return file
  // the rest may hold a password
  const scheme = url.slice(0, url.indexOf(':') + 1)
  throw new PipelineError(
    'bad_pipeline',
    `jobs know no store ${scheme || JSON.stringify(url)}: name one as sqlite:PATH`,
  )
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
