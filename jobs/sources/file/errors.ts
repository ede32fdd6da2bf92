import { PipelineError } from '../../runtime/errors.ts'

/** A file whose bytes are not what they must be. */
export function dataError(name: string, what: string): PipelineError {
  return new PipelineError('bad_data', `${name}: ${what}`)
}

/** A file that cannot be opened or read just now. */
export function fileError(name: string, cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  const known: Record<string, string> = {
    ENOENT: 'is gone',
    EACCES: 'may not be read: give this user the right to',
    EPERM: 'may not be read: give this user the right to',
    EISDIR: 'is a folder',
    EMFILE: 'cannot be opened: this process has too many files open',
  }
  return new PipelineError('unavailable', `${name}: ${known[code ?? ''] ?? message}`, { cause })
}

export const isGone = (error: unknown): boolean =>
  error instanceof PipelineError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
