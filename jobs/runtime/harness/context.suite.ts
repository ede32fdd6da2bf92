import { settingsSchema } from '../../settings.ts'
import type { DeadRow, NodeContext } from '../contract.ts'
import { toPipelineError } from '../errors.ts'

/** What tests give a node instead of the runtime's own context; `given` goes before. */

/** Logs and measures nothing, tries once, and takes no dead letter. */
export function quietContext(given: Partial<NodeContext> = {}): NodeContext {
  return {
    pipeline: 'test/pipeline',
    name: 'node',
    settings: settingsSchema.parse({}),
    jobMode: false,
    signal: new AbortController().signal,
    log: { debug() {}, info() {}, warn() {} },
    metrics: { count() {}, gauge() {}, latency() {} },
    retry: (_what, attempt) => attempt(),
    dead(row) {
      throw new Error(`a dead letter: ${row.message}`)
    },
    dropped() {},
    stop() {},
    ...given,
  }
}

export interface Watched extends NodeContext {
  warnings: string[]
  deadRows: DeadRow[]
  /** sums of what was counted, by name */
  figures: Map<string, number>
  abort(): void
}

/** Keeps what a node says. */
export function watched(given: Partial<Pick<NodeContext, 'name' | 'pipeline'>> = {}): Watched {
  const warnings: string[] = []
  const deadRows: DeadRow[] = []
  const figures = new Map<string, number>()
  const controller = new AbortController()
  return {
    ...quietContext({ pipeline: 'test/orders', name: 'out', signal: controller.signal, ...given }),
    log: { debug() {}, info() {}, warn: message => void warnings.push(message) },
    metrics: {
      count: (name, value) => void figures.set(name, (figures.get(name) ?? 0) + value),
      gauge() {},
      latency() {},
    },
    dead: row => void deadRows.push(row),
    warnings,
    deadRows,
    figures,
    abort: () => controller.abort(new Error('the attempt is over')),
  }
}

export interface RetryingOptions {
  /** how often a try that failed is made again */
  tries: number
  /** what is waited for before each of them */
  pause(): Promise<unknown>
  onRetry?(message: string): void
}

export function retrying({ tries, pause, onRetry }: RetryingOptions): NodeContext['retry'] {
  return async (_what, attempt) => {
    for (let left = tries; ; left--) {
      try {
        return await attempt()
      } catch (error) {
        const known = toPipelineError(error)
        if (!known.retryable || left === 0) throw known
        onRetry?.(known.message)
      }
      await pause()
    }
  }
}
