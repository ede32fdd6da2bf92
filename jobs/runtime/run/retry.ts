import { setTimeout as sleep } from 'node:timers/promises'
import { context, toPipelineError } from '../errors.ts'

export interface RetryOptions {
  signal: AbortSignal
  /** a try failed, and another comes in `ms` */
  onRetry(message: string, ms: number): void
  /** the trying is over after at least one failure; whether it worked in the end */
  onEnd(worked: boolean): void
}

const first = 100
const longest = 30_000

/** Waits before try `failures` + 1: 100 ms, doubled up to 30 s, and up to a quarter more, so that many do not come at once. */
export function backoff(failures: number, random: number = Math.random()): number {
  return Math.min(longest, first * 2 ** Math.min(failures - 1, 20)) * (1 + random / 4)
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the signal aborts. A failure is retried where its code says so;
 * its `retryAfter` (seconds) is waited for, where it has one.
 */
export async function retry<T>(what: string, attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, onRetry, onEnd } = options
  let failures = 0
  let worked = false
  try {
    for (;;) {
      signal.throwIfAborted()
      try {
        const result = await attempt()
        worked = true
        return result
      } catch (thrown) {
        signal.throwIfAborted()
        const error = toPipelineError(thrown)
        if (!error.retryable) throw context(what, error)
        failures++
        const ms = error.retryAfter === undefined ? backoff(failures) : error.retryAfter * 1000
        onRetry(`${what}: ${error.message}`, ms)
        await sleep(ms, undefined, { signal })
      }
    }
  } finally {
    if (failures > 0) onEnd(worked)
  }
}
