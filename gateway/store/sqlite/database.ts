import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { AppError } from '../../../core/errors.ts'
import { otlpTableNames, promotedColumn } from '../../../core/otlp/tables.ts'
import { migrations } from './migrations.ts'

export type Db = Database.Database
export type Durability = 'full' | 'relaxed'

/** `PRAGMA application_id` of our files: "mill" in ASCII. */
const applicationId = 0x6d696c6c
export const schemaVersion = migrations.length + 1

/** How long a statement of the gateway waits for another process's lock, ms. */
export const busyMs = 5000

/** The size that the write-ahead log is cut back to when it begins anew. */
const walBytes = 64 * 1024 * 1024

/**
 * Opens (and creates, mode 0600) the database for writing: WAL, `synchronous` as asked, schema at the current version.
 * `timeout`: how long a statement waits for another process's lock, ms. `promote`: see `OpenOptions`.
 */
export function openForWriting(
  path: string,
  durability: Durability,
  timeout = busyMs,
  promote: readonly string[] = [],
): Db {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  const db = new Database(path, { timeout })
  try {
    refuseOthers(db, path)
    if (db.pragma('journal_mode = WAL', { simple: true }) !== 'wal')
      throw new AppError(
        'store_unavailable',
        `${path}: the file system cannot keep a write-ahead log beside it: put the store on a local disk`,
      )
    db.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}`)
    // the gateway's own checkpoints run beside the commits (`wal.ts`); a guest's few pages wait for them
    db.pragma('wal_autocheckpoint = 0')
    db.pragma(`journal_size_limit = ${walBytes}`)
    db.pragma('cache_size = -32768')
    migrate(db, path)
    addColumns(db, promote)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** A connection that reads beside the writer; the file must exist and be ours. */
export function openForReading(path: string): Db {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 5000 })
  db.pragma('cache_size = -8192')
  return db
}

/** Refuses what can be no store, before anything is made beside it. An empty file is a store to come. */
export function refuseFile(path: string, lookInside: boolean): void {
  const file = statSync(path)
  if (!file.isFile())
    throw new AppError('store_unavailable', `${path} is no regular file: name another one with --store`)
  // SQLite names the log after the path: under another name of the file its last events would be missing, then lost
  if (file.nlink > 1)
    throw new AppError(
      'store_unavailable',
      `${path} is one of ${file.nlink} names (hard links) of one file, and a store can have but one: remove the others, or copy the file`,
    )
  if (!lookInside || file.size === 0) return
  const db = new Database(path, { fileMustExist: true, timeout: busyMs })
  try {
    refuseOthers(db, path)
  } finally {
    db.close()
  }
}

/** Refuses what is newer or not ours, before anything of it is changed. */
function refuseOthers(db: Db, path: string): void {
  const version = versionOf(db)
  if (db.pragma('application_id', { simple: true }) !== applicationId && !isEmpty(db))
    throw new AppError(
      'store_unavailable',
      `${path} is an SQLite database of something else: name another file with --store`,
    )
  if (version > schemaVersion)
    throw new AppError(
      'store_unavailable',
      `${path} was written by a newer Millrace (schema version ${version}, this one knows ${schemaVersion}): upgrade, or name another file with --store`,
    )
}

/** Brings an empty or older file to the current version in one transaction. */
function migrate(db: Db, path: string): void {
  if (versionOf(db) === schemaVersion && db.pragma('application_id', { simple: true }) === applicationId) return
  db.transaction(() => {
    // another process may have been first
    refuseOthers(db, path)
    if (isEmpty(db)) db.exec(readFileSync(schemaFile(), 'utf8'))
    else for (const sql of migrations.slice(versionOf(db) - 1)) db.exec(sql)
    db.pragma(`application_id = ${applicationId}`)
    db.pragma(`user_version = ${schemaVersion}`)
  }).immediate()
}

/** Gives the tables of OpenTelemetry a column for each promoted attribute that has none yet. */
function addColumns(db: Db, promote: readonly string[]): void {
  const columns = db.prepare('select lower(name) from pragma_table_info(?)').pluck()
  const missing = () =>
    otlpTableNames.flatMap(table => {
      const there = new Set(columns.all(table))
      return promote
        .map(promotedColumn)
        .filter(column => !there.has(column.toLowerCase()))
        .map(column => `alter table ${table} add column ${column} text`)
    })
  if (missing().length === 0) return
  // asked again: another process may have been first
  db.transaction(() => db.exec(missing().join(';'))).immediate()
}

const versionOf = (db: Db) => db.pragma('user_version', { simple: true }) as number

const isEmpty = (db: Db) => db.prepare('select count(*) from sqlite_schema').pluck().get() === 0

/** `schema.sql` lies at the root of the package: three folders up unbuilt, four from `dist`. */
function schemaFile(): string {
  const tries = ['../../../schema.sql', '../../../../schema.sql'].map(up => fileURLToPath(new URL(up, import.meta.url)))
  const found = tries.find(existsSync)
  if (found === undefined) throw new Error(`schema.sql is missing from the package: looked at ${tries.join(', ')}`)
  return found
}
