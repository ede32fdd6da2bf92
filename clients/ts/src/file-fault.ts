import { ClientError } from './types.ts'

/** What is wrong with which file of a spool, and what to do about it. */
export function fault(path: string, what: string, wayOut: string, cause?: unknown): ClientError {
  return new ClientError('spool', `spool: ${path}: ${what}; ${wayOut}`, { cause })
}

/** Runs `action`; what the system says against it becomes a `fault` of `path`. */
export function attempt<T>(path: string, doing: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof ClientError) throw error
    const { code = '', message } = error as NodeJS.ErrnoException
    throw fault(path, `cannot ${doing}: ${message}`, waysOut[code] ?? otherwise, error)
  }
}

const otherwise = 'mend that, or choose another folder'
const rights = 'give this process the rights to read and write there, or choose another folder'
const space = 'make room on that disk, or choose another folder'
const waysOut: Record<string, string> = {
  EACCES: rights,
  EPERM: rights,
  EROFS: rights,
  EEXIST: 'it has to be a folder: choose another one',
  ENOTDIR: 'it has to be a folder: choose another one',
  ENOSPC: space,
  EDQUOT: space,
}

/** The entries of a spool that cannot be gone on with are not lost. */
export const rescue = 'move the folder away and start with a new one; `millrace send` takes its entries-*.ndjson'
