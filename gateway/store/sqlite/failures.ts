import { AppError, context } from '../../../core/errors.ts'

type StoreCode = 'disk_full' | 'store_busy' | 'store_unavailable'

/** What an operator reads, and when a retry may succeed, for each kind of failure. */
const kinds = {
  full: ['disk_full', 'the disk is full: free some space, writing goes on by itself', 5],
  cut: ['disk_full', 'a write failed, for want of space (a quota or limit counts too) or by a failing disk', 5],
  busy: ['store_busy', 'another process holds the lock of the database: end its transaction', 1],
  closed: [
    'store_unavailable',
    'the database cannot be opened for writing: check the file, its folder and their owner',
    5,
  ],
  damaged: [
    'store_unavailable',
    'the file is damaged or no SQLite database: restore it, or try `sqlite3 FILE .recover`',
    30,
  ],
  failing: ['store_unavailable', 'the database failed', 5],
} as const satisfies Record<string, readonly [code: StoreCode, what: string, retryAfter: number]>

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
  ['EACCES', 'closed'],
  ['EPERM', 'closed'],
  ['EROFS', 'closed'],
  ['ENOENT', 'closed'],
  ['ENOTDIR', 'closed'],
  ['EISDIR', 'closed'],
  ['ELOOP', 'closed'],
  ['ENAMETOOLONG', 'closed'],
  ['EIO', 'failing'],
  ['EMFILE', 'failing'],
  ['ENFILE', 'failing'],
]

/** A failure of SQLite or of the file system as the code that a client sees. */
export function storeFailure(error: unknown, path: string): AppError {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  const cause = causes.find(([begin]) => code.startsWith(begin))
  if (cause === undefined) return context(`store sqlite:${path}`, error)
  const [app, what, retryAfter] = kinds[cause[1]]
  return new AppError(
    app,
    `store sqlite:${path}: ${what} (${code}: ${(error as Error).message})`,
    { retryAfter },
    error,
  )
}

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}

/** Nothing is broken, but another process was in the way. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY')
}

/** A COMMIT that failed so may be in the log, whole but not synced; where the write itself failed, it is not. */
export function mayBeLogged(error: unknown): boolean {
  return !['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_READONLY', 'SQLITE_BUSY'].some(code =>
    codeOf(error).startsWith(code),
  )
}
