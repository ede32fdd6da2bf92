import type { Settings } from '../../settings.ts'
import type { DeadRow, NodeContext, NodeLog, NodeMetrics } from '../contract.ts'
import type { Meter } from './meter.ts'
import { retry } from './retry.ts'

export interface ContextOptions {
  pipeline: string
  name: string
  settings: Settings
  jobMode: boolean
  signal: AbortSignal
  log: NodeLog
  metrics: NodeMetrics
  meter: Meter
  /** a dead row of the epoch that the node is in */
  dead(row: DeadRow): void
  stop(reason: string): void
}

export function createContext(options: ContextOptions): NodeContext {
  const { pipeline, name, settings, jobMode, signal, log, metrics, meter, dead, stop } = options
  return {
    pipeline,
    name,
    settings,
    jobMode,
    signal,
    log,
    metrics,
    stop,
    retry: (what, attempt) =>
      retry(what, attempt, {
        signal,
        onRetry(message, ms) {
          meter.retries++
          if (!meter.degraded) log.warn(`${message}; trying again, first in ${Math.round(ms)} ms`)
          else log.debug(`${message}; trying again in ${Math.round(ms)} ms`)
          meter.degraded = true
        },
        onEnd() {
          meter.degraded = false
          if (!signal.aborted) log.info(`${what}: the trying again is over`)
        },
      }),
    dead(row) {
      meter.dead++
      dead(row)
    },
    dropped(rows) {
      meter.dropped += rows
    },
  }
}
