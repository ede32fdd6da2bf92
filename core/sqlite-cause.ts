import { codeOf } from './errors.ts'

/** Why SQLite, or the file system below it, failed: one list for all who keep data in SQLite; the words are their own. */
export type SqliteCause =
  /** no space */
  | 'full'
  /** a write was cut off: a quota, a limit, a failing disk */
  | 'cut'
  /** another process holds the lock */
  | 'busy'
  /** it may not be opened or written */
  | 'closed'
  /** the folder is not there */
  | 'missing'
  | 'damaged'
  /** rows break a rule of the table */
  | 'broken'
  /** a row is larger than SQLite takes */
  | 'large'
  /** reading or writing failed otherwise */
  | 'failing'
  /** another result of SQLite: mostly a statement that is wrong */
  | 'other'

/** Beginnings of SQLite's result codes (https://www.sqlite.org/rescode.html); the first match counts. */
const results: readonly (readonly [string, SqliteCause])[] = [
  ['SQLITE_FULL', 'full'],
  ['SQLITE_IOERR_WRITE', 'cut'],
  ['SQLITE_IOERR_SHMSIZE', 'cut'],
  ['SQLITE_BUSY', 'busy'],
  ['SQLITE_LOCKED', 'busy'],
  ['SQLITE_PROTOCOL', 'busy'],
  ['SQLITE_READONLY', 'closed'],
  ['SQLITE_PERM', 'closed'],
  ['SQLITE_CANTOPEN', 'closed'],
  ['SQLITE_CORRUPT', 'damaged'],
  ['SQLITE_NOTADB', 'damaged'],
  ['SQLITE_IOERR_CORRUPTFS', 'damaged'],
  ['SQLITE_IOERR_DATA', 'damaged'],
  ['SQLITE_IOERR_SHORT_READ', 'damaged'],
  ['SQLITE_CONSTRAINT', 'broken'],
  ['SQLITE_MISMATCH', 'broken'],
  ['SQLITE_TOOBIG', 'large'],
  ['SQLITE_IOERR', 'failing'],
  ['SQLITE_', 'other'],
]

/** Of the system. */
const codes: Readonly<Record<string, SqliteCause>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'cut',
  EACCES: 'closed',
  EPERM: 'closed',
  EROFS: 'closed',
  EISDIR: 'closed',
  ELOOP: 'closed',
  ENAMETOOLONG: 'closed',
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EIO: 'failing',
  EMFILE: 'failing',
  ENFILE: 'failing',
}

/** Undefined where the error is none of SQLite or of the file system. */
export function sqliteCause(error: unknown): SqliteCause | undefined {
  const code = codeOf(error)
  return codes[code] ?? results.find(([begin]) => code.startsWith(begin))?.[1]
}

/** Nothing is broken, but another process was in the way. */
export const isSqliteBusy = (error: unknown): boolean => /^SQLITE_(BUSY|PROTOCOL)/.test(codeOf(error))
