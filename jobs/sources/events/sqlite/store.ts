import { realpathSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { sqliteFailure } from '../../../drivers/sqlite/failures.ts'
import { PipelineError } from '../../../runtime/errors.ts'

type Db = Database.Database

/** What the gateway writes into its files; a test holds them against the gateway's own. */
export const applicationId = 0x6d696c6c
export const schemaVersion = 3

/** How long a statement waits for a lock: readers wait only while a log is recovered after a crash; ms. */
const busyMs = 1000

/** A connection that reads beside the gateway. All calls may throw what SQLite throws: see `failure`. */
export interface Session {
  db: Db
  /** as it was named */
  path: string
  /** the file itself, behind links */
  file: string
  /** The statement of this text, prepared once. */
  prepare(sql: string): Database.Statement<unknown[]>
  /** names of the columns; none where there is no such table */
  columns(table: string): string[]
  /** the newest id that was ever given to a committed row, also where that was deleted since */
  lastId(table: string): number
  /** Remembers the state of the file, for `changed`. Call before reading. */
  mark(): void
  /** Someone committed since `mark`. */
  changed(): boolean
  /** Another file is at the path now, or none. */
  replaced(): boolean
  close(): void
}

/** Opens a store of this version or an older one. Throws PipelineErrors: `mayCome`: a missing file may be made yet. */
export function connect(path: string, mayCome: boolean): Session {
  let db: Db | undefined
  try {
    const file = realpathSync(path)
    const stats = statSync(file)
    if (!stats.isFile()) throw refused(`${path} is no regular file`)
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: busyMs })
    refuseOthers(db, path)
    return sessionOf(db, path, file, () => {
      const now = statSync(file, { throwIfNoEntry: false })
      return now?.ino !== stats.ino || now.dev !== stats.dev
    })
  } catch (error) {
    db?.close()
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw failure(error, path)
    throw new PipelineError(
      mayCome ? 'unavailable' : 'bad_pipeline',
      `there is no store at ${path}: start the gateway once, or name its file as store: sqlite:PATH`,
      { path: ['store'], cause: error },
    )
  }
}

function sessionOf(db: Db, path: string, file: string, replaced: () => boolean): Session {
  db.pragma('cache_size = -16384')
  const columns = db.prepare<[string], string>('select name from pragma_table_info(?)').pluck()
  const sequence = db.prepare<[string], number>('select seq from sqlite_sequence where name = ?').pluck()
  const dataVersion = () => db.pragma('data_version', { simple: true }) as number
  let marked = dataVersion()
  const statements = new Map<string, Database.Statement<unknown[]>>()
  return {
    db,
    path,
    file,
    prepare(sql) {
      const statement = statements.get(sql) ?? db.prepare(sql)
      statements.set(sql, statement)
      return statement
    },
    columns: table => columns.all(table),
    lastId: table => sequence.get(table) ?? 0,
    mark() {
      marked = dataVersion()
    },
    changed: () => dataVersion() !== marked,
    replaced,
    close: () => db.close(),
  }
}

function refuseOthers(db: Db, path: string): void {
  const tables = db.prepare('select count(*) from sqlite_schema').pluck().get()
  if (tables === 0)
    throw new PipelineError('unavailable', `the store ${path} is empty: a gateway makes its tables when it starts`)
  if (db.pragma('application_id', { simple: true }) !== applicationId)
    throw refused(`${path} is an SQLite database of something else, and no store of a gateway`)
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > schemaVersion)
    throw refused(
      `${path} was written by a newer Millrace (schema version ${version}, this one knows ${schemaVersion}): upgrade`,
    )
}

const refused = (message: string, cause?: unknown) =>
  new PipelineError('bad_pipeline', message, { path: ['store'], cause })

/** What became of a try to read, as a pipeline sees it. */
export function failure(error: unknown, path: string): PipelineError {
  const { code, message } = error as { code?: unknown; message?: string }
  if (error instanceof PipelineError) return error
  if (code === 'SQLITE_NOTADB') return refused(`${path} is no SQLite database`, error)
  if (code === 'SQLITE_ERROR')
    return new PipelineError('state', `the store ${path} is not as it was when it was opened: ${message}`, {
      cause: error,
    })
  return sqliteFailure(error, `store ${path}`)
}
