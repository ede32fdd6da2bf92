import { PipelineError } from '../../runtime/errors.ts'

/** A run ends with the first mistake. */
export function throwFirst(problems: readonly PipelineError[]): void {
  if (problems[0] !== undefined) throw problems[0]
}

/** `check` names all of them. */
export function throwAll(problems: readonly PipelineError[]): void {
  if (problems.length > 1) throw new AggregateError(problems)
  throwFirst(problems)
}

/** The mistakes of the pipeline file that `work` gives, or ends with. */
export function problemsOf(work: () => readonly PipelineError[]): readonly PipelineError[] {
  try {
    return work()
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'bad_pipeline') return [error]
    throw error
  }
}
