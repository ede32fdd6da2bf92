import type { Settings } from '../../settings.ts'
import { type PipelineError, pipelineCodes } from '../errors.ts'
import { backoff } from './retry.ts'

/** Decides whether a pipeline starts again: `restarts` times within `restart_window`. */
export interface Budget {
  /** Milliseconds until the next start; undefined: there is none. */
  spend(error: PipelineError): number | undefined
}

/** In job mode only what is retryable is tried again: the next run of the job is the other way. */
export function createBudget({ restarts, restart_window }: Settings, jobMode: boolean): Budget {
  const failures: number[] = []
  return {
    spend({ code }) {
      const { restart, retry } = pipelineCodes[code]
      if (restart === 'never' || (jobMode && !retry)) return undefined
      const now = Date.now()
      failures.push(now)
      while (failures[0]! < now - restart_window) failures.shift()
      return failures.length > restarts ? undefined : backoff(failures.length)
    },
  }
}
