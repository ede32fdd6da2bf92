import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** A new database with the gateway's own tables, as durable as the gateway is. */
export function openReference(dir: string): Database.Database {
  const db = new Database(join(dir, 'bench.db'))
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(readFileSync(new URL('../../../schema.sql', import.meta.url), 'utf8'))
  return db
}

export const insertEvent = 'insert into events (stream_id, stream_index, received_at, payload) values (?, ?, ?, ?)'
