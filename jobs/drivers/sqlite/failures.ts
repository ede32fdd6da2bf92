import { codeOf } from '../../../core/errors.ts'
import { type SqliteCause, sqliteCause } from '../../../core/sqlite-cause.ts'
import { type PipelineCode, PipelineError } from '../../runtime/errors.ts'

const failing = ['unavailable', 'the database failed'] as const

/** What an operator reads for each cause. */
const kinds = {
  full: ['unavailable', 'the disk is full: free some space'],
  cut: ['unavailable', 'a write failed, for want of space (a quota or limit counts too) or by a failing disk'],
  busy: ['unavailable', 'another process holds the lock of the database: end its transaction'],
  closed: ['unavailable', 'the database cannot be opened for writing: check the file, its folder and their owner'],
  missing: ['unavailable', 'the folder of the file does not exist: create it, or name another file'],
  damaged: ['state', 'the file is damaged or no SQLite database: restore it, or try `sqlite3 FILE .recover`'],
  failing,
  broken: failing,
  large: failing,
  other: failing,
} as const satisfies Record<SqliteCause, readonly [PipelineCode, string]>

/** A failure of SQLite or of the file system, as a pipeline sees it. `label` names the file: `state /a/state.db`. */
export function sqliteFailure(error: unknown, label: string): PipelineError {
  if (error instanceof PipelineError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  const cause = sqliteCause(error)
  if (cause === undefined) return new PipelineError('internal', `${label}: ${message}`, { cause: error })
  const [kind, what] = kinds[cause]
  return new PipelineError(kind, `${label}: ${what} (${code}: ${message})`, { cause: error })
}
