import { AppError, context } from '../../../core/errors.ts'

/** SQLite's result codes (https://www.sqlite.org/rescode.html) as the codes that a client sees. */
export function storeFailure(error: unknown, path: string): AppError {
  if (error instanceof AppError) return error
  const code = sqliteCode(error)
  const text = error instanceof Error ? error.message : String(error)
  if (code === undefined) return context(`store sqlite:${path}`, error)
  const say = (app: 'disk_full' | 'store_busy' | 'store_unavailable', what: string, retryAfter: number) =>
    new AppError(app, `store sqlite:${path}: ${what} (${code}: ${text})`, { retryAfter }, error)

  if (code.startsWith('SQLITE_FULL'))
    return say('disk_full', 'the disk is full: free some space, writing goes on by itself', 5)
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return say('store_busy', 'another process holds the lock of the database: end its transaction', 1)
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_PERM') || code === 'SQLITE_CANTOPEN')
    return say(
      'store_unavailable',
      'the database cannot be opened for writing: check the file, its folder and their owner',
      5,
    )
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return say(
      'store_unavailable',
      'the file is damaged or no SQLite database: restore it, or try `sqlite3 FILE .recover`',
      30,
    )
  if (code === 'SQLITE_IOERR_WRITE' || code === 'SQLITE_IOERR_SHMSIZE')
    return say('disk_full', 'a write failed, most likely for want of space', 5)
  return say('store_unavailable', 'the database failed', 5)
}

function sqliteCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : undefined
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith('SQLITE_BUSY') ?? false
}
