import { codeOf } from '../../../core/errors.ts'
import { type SqliteCause, sqliteCause } from '../../../core/sqlite-cause.ts'
import { type PipelineCode, PipelineError } from '../../runtime/errors.ts'

const closed = [
  'unavailable',
  'the database cannot be opened for writing: check the file, its folder and their owner',
] as const

/** What an operator reads for each cause; of any other we are the cause ourselves. */
const kinds = {
  full: ['full', 'the disk is full: free some space'],
  cut: ['full', 'a write failed, for want of space (a quota or limit counts too) or by a failing disk'],
  busy: ['unavailable', 'another process holds the lock of the database: end its transaction'],
  closed,
  missing: closed,
  damaged: ['refused', 'the file is damaged or no SQLite database: restore it, or name another file in path'],
  broken: ['bad_data', 'the rows break a rule of the table'],
  large: ['bad_data', 'a row is larger than the 1,000,000,000 bytes that SQLite takes'],
  failing: ['unavailable', 'the database failed'],
} as const satisfies Record<Exclude<SqliteCause, 'other'>, readonly [PipelineCode, string]>

/** A failure of SQLite or of the file system, as a pipeline sees it. What we got wrong ourselves is `internal`. */
export function sqliteFailure(error: unknown, path: string): PipelineError {
  if (error instanceof PipelineError) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const cause = sqliteCause(error)
  if (cause === undefined || cause === 'other')
    return new PipelineError('internal', `sqlite ${path}: ${message}`, { cause: error })
  const [kind, what] = kinds[cause]
  return new PipelineError(kind, `sqlite ${path}: ${what} (${code}: ${message})`, { cause: error })
}
