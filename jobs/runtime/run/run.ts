import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from '../../settings.ts'
import { context, type PipelineError, toPipelineError } from '../errors.ts'
import { type AttemptResult, type CommonOptions, runAttempt } from './attempt.ts'
import { createBudget } from './budget.ts'

/** `drain` asks for the end; see `drain_policy` */
export interface RunOptions extends CommonOptions {
  /** the pipeline starts again after this failure */
  onRestart?(error: PipelineError): void
}

export const namespaceOf = (settings: Settings, name: string): string => `${settings.application_id}/${name}`

/**
 * Runs a pipeline to its end, starting it again from its last checkpoint after a failure that may pass: `restarts`
 * times within `restart_window`, in job mode only where the error is retryable. Rejects with the last failure, its
 * message naming the pipeline, or with `busy` where another process runs it.
 */
export async function runPipeline(options: RunOptions): Promise<AttemptResult> {
  const { topology, settings, state, jobMode, log } = options
  const namespace = namespaceOf(settings, topology.name)
  const lock = await state.lock(namespace)
  const cut = new AbortController()
  const signal = AbortSignal.any([options.signal, cut.signal])
  const drain = new AbortController()
  let timer: NodeJS.Timeout | undefined
  /** as the sources say once they are open */
  let isBounded = false
  let isOpen = false

  function onDrain(): void {
    const reason = String(options.drain.reason)
    // before all is open nothing was read that could be drained
    if (!isOpen || policyOf(settings, jobMode || isBounded) === 'fast') {
      log().info(`${reason}: ends at once; the next run goes on from the last checkpoint`)
      cut.abort(new Error(reason))
      return
    }
    drain.abort(reason)
    timer = setTimeout(() => {
      log().warn(`the drain took longer than drain_timeout (${settings.drain_timeout} ms): it is cut off`)
      cut.abort(new Error('the drain took too long'))
    }, settings.drain_timeout)
  }

  let reset = options.reset
  const budget = createBudget(settings, jobMode)
  try {
    options.drain.addEventListener('abort', onDrain, { once: true })
    if (options.drain.aborted) onDrain()
    for (;;) {
      isOpen = false
      try {
        const result = await runAttempt({
          ...options,
          namespace,
          reset,
          signal,
          drain: drain.signal,
          onOpen(bounded) {
            isOpen = true
            isBounded = bounded
          },
        })
        if (result.epochs === 0 && jobMode) log().info(`nothing is new since epoch ${result.epoch}`)
        return result
      } catch (thrown) {
        // an end that was asked for is none that failed
        if (signal.aborted) return { epoch: 0, epochs: 0 }
        const error = toPipelineError(thrown)
        const wait = budget.spend(error)
        if (wait === undefined) throw context(`pipeline '${topology.name}'`, error)
        log().warn(`${error.message}; starts again from the last checkpoint in ${Math.round(wait)} ms`)
        options.onRestart?.(error)
        // what was forgotten once is not forgotten again
        reset = false
        await sleep(wait, undefined, { signal }).catch(() => {})
        if (signal.aborted || drain.signal.aborted) return { epoch: 0, epochs: 0 }
      }
    }
  } finally {
    clearTimeout(timer)
    options.drain.removeEventListener('abort', onDrain)
    await lock.release()
  }
}

/** auto: bounded work is drained, a stream is left to the next run. */
function policyOf({ drain_policy }: Settings, isBounded: boolean): 'drain' | 'fast' {
  if (drain_policy !== 'auto') return drain_policy
  return isBounded ? 'drain' : 'fast'
}
