import { AppError, codeOf, context } from '../../../core/errors.ts'
import { type SqliteCause, sqliteCause } from '../../../core/sqlite-cause.ts'

type StoreCode = 'disk_full' | 'store_busy' | 'store_unavailable'

const closed = [
  'store_unavailable',
  'the database cannot be opened for writing: check the file, its folder and their owner',
  5,
] as const
const failing = ['store_unavailable', 'the database failed', 5] as const

/** What an operator reads, and when a retry may succeed, for each cause. */
const kinds = {
  full: ['disk_full', 'the disk is full: free some space, writing goes on by itself', 5],
  cut: ['disk_full', 'a write failed, for want of space (a quota or limit counts too) or by a failing disk', 5],
  busy: ['store_busy', 'another process holds the lock of the database: end its transaction', 1],
  closed,
  missing: closed,
  damaged: [
    'store_unavailable',
    'the file is damaged or no SQLite database: restore it, or try `sqlite3 FILE .recover`',
    30,
  ],
  failing,
  broken: failing,
  large: failing,
  other: failing,
} as const satisfies Record<SqliteCause, readonly [code: StoreCode, what: string, retryAfter: number]>

/** A failure of SQLite or of the file system as the code that a client sees. */
export function storeFailure(error: unknown, path: string): AppError {
  if (error instanceof AppError) return error
  const cause = sqliteCause(error)
  if (cause === undefined) return context(`store sqlite:${path}`, error)
  const code = codeOf(error)
  const [app, what, retryAfter] = kinds[cause]
  return new AppError(
    app,
    `store sqlite:${path}: ${what} (${code}: ${(error as Error).message})`,
    { retryAfter },
    error,
  )
}

/** A COMMIT that failed so may be in the log, whole but not synced; where the write itself failed, it is not. */
export function mayBeLogged(error: unknown): boolean {
  return !['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'SQLITE_READONLY', 'SQLITE_BUSY'].some(code =>
    codeOf(error).startsWith(code),
  )
}
