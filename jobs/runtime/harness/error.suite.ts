import { PipelineError } from '../errors.ts'

/** The error that `work` ends with; one of another kind is a bug. */
export async function errorOf(work: Promise<unknown>): Promise<PipelineError> {
  const error = await work.then(
    () => new Error('this was to fail'),
    error => error,
  )
  if (!(error instanceof PipelineError)) throw error
  return error
}
