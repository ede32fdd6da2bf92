import type { DeadRow, NodeContext } from '../contract.ts'
import type { Meter } from './meter.ts'
import { retry } from './retry.ts'

export interface ContextOptions
  extends Pick<NodeContext, 'pipeline' | 'name' | 'settings' | 'jobMode' | 'signal' | 'log' | 'metrics' | 'stop'> {
  meter: Meter
  /** a dead row of the epoch that the node is in */
  dead(row: DeadRow): void
}

/** What is tried again for long is told of again after this many ms. */
const reminder = 60_000

export function createContext(options: ContextOptions): NodeContext {
  const own = options.pipeline.slice(options.pipeline.indexOf('/') + 1)
  let toldAt = 0
  const { signal, log, meter, dead, ...given } = options
  return {
    ...given,
    signal,
    log,
    retry: (what, attempt) =>
      retry(what, attempt, {
        signal,
        onRetry(message, ms) {
          meter.retries++
          const again = `${message}; trying again in ${Math.round(ms)} ms`
          const now = performance.now()
          if (meter.degraded && now - toldAt < reminder) log.debug(again)
          else {
            log.warn(again)
            toldAt = now
          }
          meter.degraded = true
        },
        onEnd(worked) {
          meter.degraded = false
          if (worked) log.info(`${what}: works again`)
        },
      }),
    dead(row) {
      // one of a node is told; how many there were is told at the end
      if (meter.dead === 0)
        log.warn(
          `a row became a dead letter: ${row.message} (${row.code}); millrace dlq list --pipeline ${own} shows all`,
        )
      meter.dead++
      dead(row)
    },
    dropped(rows) {
      meter.dropped += rows
    },
  }
}
