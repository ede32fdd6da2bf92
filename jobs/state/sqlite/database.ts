import { chmodSync, existsSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { type Db, tryMs } from '../../drivers/sqlite/connection.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** `PRAGMA application_id` of our state: "mils" in ASCII; that of a gateway's store is "mill". */
const applicationId = 0x6d696c73
const storeId = 0x6d696c6c
export const schemaVersion = 1

/** Columns of the model runtime's table, whose files are taken as they are. */
const stateColumns = 'namespace,key,data,created_at'

const schema = `
create table if not exists state (
  namespace text,
  key text,
  data text not null,
  created_at datetime default current_timestamp,
  primary key (namespace, key)
);
create table dead_letters (
  dead_letter_id integer primary key autoincrement,
  namespace text not null,
  node text not null,
  epoch integer not null,
  code text not null,
  message text not null,
  row text not null,
  retryable integer not null,
  -- bytes of the whole row
  size integer not null,
  -- microseconds UTC, as retry_at, which is null unless another try was asked for
  at integer not null,
  retry_at integer
) strict;
create index dead_letters_by_namespace on dead_letters (namespace);
`

/** Opens (and creates, mode 0600) the file: WAL, synced at each commit, at the current version. */
export function openDatabase(path: string): Db {
  const made = !existsSync(path)
  const db = new Database(path, { timeout: tryMs })
  try {
    // by its name: to open and close it would give up the locks that this process holds on it (fcntl)
    if (made) chmodSync(path, 0o600)
    // all of one moment: another process may be making it
    db.transaction(() => refuseOthers(db, path))()
    if (db.pragma('journal_mode = WAL', { simple: true }) !== 'wal')
      throw new PipelineError(
        'unavailable',
        `state ${path}: the file system cannot keep a write-ahead log beside it: put the state on a local disk`,
      )
    db.pragma('synchronous = FULL')
    migrate(db, path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function refuseOthers(db: Db, path: string): void {
  if (!statSync(path).isFile())
    throw new PipelineError('state', `state ${path}: this is no regular file: set state_backend.sqlite.database_path`)
  const id = db.pragma('application_id', { simple: true })
  if (id === storeId)
    throw new PipelineError(
      'state',
      `state ${path}: this is the store of a gateway: name another file in state_backend.sqlite.database_path`,
    )
  if (id !== applicationId && !(id === 0 && isEmptyOrModel(db)))
    throw new PipelineError(
      'state',
      `state ${path}: this is an SQLite database of something else: name another file in state_backend.sqlite.database_path`,
    )
  const version = versionOf(db)
  if (version > schemaVersion)
    throw new PipelineError(
      'state',
      `state ${path}: it was written by a newer Millrace (schema version ${version}, this one knows ${schemaVersion}): upgrade, or name another file in state_backend.sqlite.database_path`,
    )
}

function isEmptyOrModel(db: Db): boolean {
  const tables = db.prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'").pluck()
  const names = tables.all()
  if (names.length === 0) return true
  const columns = db.prepare("select group_concat(lower(name)) from pragma_table_info('state')").pluck().get()
  return columns === stateColumns && !names.includes('dead_letters')
}

function migrate(db: Db, path: string): void {
  if (isCurrent(db)) return
  db.transaction(() => {
    // another process may have been first
    refuseOthers(db, path)
    if (isCurrent(db)) return
    db.exec(schema)
    db.pragma(`application_id = ${applicationId}`)
    db.pragma(`user_version = ${schemaVersion}`)
  }).immediate()
}

const versionOf = (db: Db) => db.pragma('user_version', { simple: true }) as number
const isCurrent = (db: Db) =>
  db.pragma('application_id', { simple: true }) === applicationId && versionOf(db) === schemaVersion
