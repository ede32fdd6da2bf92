import { PipelineError } from '../../runtime/errors.ts'

/** What an operator reads for each kind of failure. */
const kinds = {
  full: ['unavailable', 'the disk is full: free some space'],
  cut: ['unavailable', 'a write failed, for want of space (a quota or limit counts too) or by a failing disk'],
  busy: ['unavailable', 'another process holds the lock of the database: end its transaction'],
  closed: ['unavailable', 'the database cannot be opened for writing: check the file, its folder and their owner'],
  missing: ['unavailable', 'the folder of the file does not exist: create it, or name another file'],
  damaged: ['state', 'the file is damaged or no SQLite database: restore it, or try `sqlite3 FILE .recover`'],
  failing: ['unavailable', 'the database failed'],
} as const

/** Beginnings of SQLite's result codes (https://www.sqlite.org/rescode.html), and the system's; the first match counts. */
const causes: readonly (readonly [string, keyof typeof kinds])[] = [
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
  ['SQLITE_', 'failing'],
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EFBIG', 'cut'],
  ['ENOENT', 'missing'],
  ['ENOTDIR', 'missing'],
  ['E', 'closed'],
]

/** A failure of SQLite or of the file system, as a pipeline sees it. `label` names the file: `state /a/state.db`. */
export function sqliteFailure(error: unknown, label: string): PipelineError {
  if (error instanceof PipelineError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  const cause = causes.find(([begin]) => code.startsWith(begin))
  if (cause === undefined) return new PipelineError('internal', `${label}: ${message}`, { cause: error })
  const [kind, what] = kinds[cause[1]]
  return new PipelineError(kind, `${label}: ${what} (${code}: ${message})`, { cause: error })
}

/** Nothing is broken, but another process was in the way. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|PROTOCOL)/.test(codeOf(error))

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}
