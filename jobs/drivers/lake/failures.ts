import { codeOf } from '../../../core/errors.ts'
import { PipelineError } from '../../runtime/errors.ts'

/** What an operator reads for each kind of failure. */
const kinds = {
  full: ['full', 'the disk is full: free some space'],
  cut: ['full', 'a write failed, for want of space (a quota or limit counts too)'],
  closed: ['unavailable', 'it cannot be written to: check the folder and its owner'],
  links: [
    'bad_pipeline',
    'the file system has no hard links, by which one writer knows of another: name a folder on another disk',
  ],
  gone: ['state', 'it was removed while it was in use: put it back, or begin anew (a pipeline with --reset)'],
  failing: ['unavailable', 'the file system failed'],
} as const

const codes: Readonly<Record<string, keyof typeof kinds>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'cut',
  EACCES: 'closed',
  EPERM: 'closed',
  EROFS: 'closed',
  ENOENT: 'gone',
  ENOTDIR: 'gone',
  EOPNOTSUPP: 'links',
  ENOTSUP: 'links',
  EMLINK: 'links',
}

/** What DuckDB says of the same failures. */
const texts: readonly (readonly [RegExp, keyof typeof kinds])[] = [
  [/no space left on device/i, 'full'],
  [/disk quota exceeded/i, 'full'],
  [/file too large/i, 'cut'],
  [/permission denied|operation not permitted|read-only file system/i, 'closed'],
  [/no such file or directory|no files found that match/i, 'gone'],
]

/** A failure of the file system, or of DuckDB's with it, as a pipeline sees it. `what` names the folder or file. */
export function lakeFailure(error: unknown, what: string): PipelineError {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof PipelineError) {
    if (!/^IO Error/.test(message)) return error
    const known = texts.find(([pattern]) => pattern.test(message))
    return told(known?.[1] ?? 'failing', what, message, error)
  }
  const code = codeOf(error)
  if (code === '') return new PipelineError('internal', `${what}: ${message}`, { cause: error })
  return told(codes[code] ?? 'failing', what, message, error)
}

function told(kind: keyof typeof kinds, what: string, message: string, cause: unknown): PipelineError {
  const [code, says] = kinds[kind]
  return new PipelineError(code, `${what}: ${says} (${message})`, { cause })
}
