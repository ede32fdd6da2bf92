/**
 * Why a pipeline stops or starts again. One error type, one table; the table is the documentation.
 *
 * `retry`: the same attempt may succeed later, so that a node retries by itself (see `NodeContext.retry`).
 * `restart`: what the pipeline does where the error ends the attempt: `budget` starts again from the last checkpoint, a
 * few times; `never` gives up at once, since the next attempt would end the same way.
 */
export const pipelineCodes = {
  bad_pipeline: { retry: false, restart: 'never', doc: 'the pipeline file, or what it names, is wrong' },
  bad_data: { retry: false, restart: 'never', doc: 'rows that a node cannot take, where no dead letter is possible' },
  unavailable: { retry: true, restart: 'budget', doc: 'a server or file cannot be reached just now' },
  timeout: { retry: true, restart: 'budget', doc: 'no answer, or no progress, within the limit' },
  refused: { retry: false, restart: 'never', doc: 'the other side understood the request and says no' },
  fenced: { retry: false, restart: 'never', doc: 'a newer run of this pipeline took over' },
  limit: { retry: false, restart: 'never', doc: 'user code passed its time or memory limit' },
  busy: { retry: false, restart: 'never', doc: 'another process runs this pipeline' },
  state: { retry: false, restart: 'never', doc: 'the state is damaged, or does not belong to this pipeline' },
  full: { retry: false, restart: 'never', doc: 'the dead letters of the pipeline, or a disk, are full' },
  internal: { retry: false, restart: 'budget', doc: 'a bug: please report it with the log line' },
} as const satisfies Record<string, { retry: boolean; restart: 'budget' | 'never'; doc: string }>

export type PipelineCode = keyof typeof pipelineCodes

export interface PipelineErrorOptions {
  cause?: unknown
  /** where in the node's own configuration: `['aggregate', 'total', 'fn']`; for `bad_pipeline` */
  path?: readonly PropertyKey[] | undefined
  /** seconds after which a retry may succeed, where the other side said so */
  retryAfter?: number | undefined
}

/** `message` is a lower-case sentence that names the thing, the number and the way out. */
export class PipelineError extends Error {
  readonly code: PipelineCode
  readonly path: readonly PropertyKey[]
  readonly retryAfter: number | undefined

  constructor(code: PipelineCode, message: string, { cause, path = [], retryAfter }: PipelineErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'PipelineError'
    this.code = code
    this.path = path
    this.retryAfter = retryAfter
  }

  get retryable(): boolean {
    return pipelineCodes[this.code].retry
  }
}

/** An unknown throw as a PipelineError; anything that is not one is a bug, and says so. */
export function toPipelineError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new PipelineError('internal', message, { cause: error })
}

/** Wraps `error` with what was being tried, keeping its code: `sink 'pg': insert 500 rows: connection refused`. */
export function context(what: string, error: unknown): PipelineError {
  const { code, message, path, retryAfter } = toPipelineError(error)
  return new PipelineError(code, `${what}: ${message}`, { path, retryAfter, cause: error })
}
