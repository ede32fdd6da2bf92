import type { DeadRow, NodeContext } from '../runtime/contract.ts'
import type { Settings } from '../settings.ts'

export interface StillOptions {
  /** of the pipeline */
  pipeline: string
  /** of the node */
  name: string
  settings: Settings
  jobMode: boolean
  signal: AbortSignal
  warn?: (message: string) => void
  dead?: (row: DeadRow) => void
}

/** What a node is given where no pipeline runs: nothing is measured, and what fails once is not tried again. */
export function stillContext({ warn = () => {}, dead = () => {}, ...options }: StillOptions): NodeContext {
  const { pipeline, name, settings, jobMode, signal } = options
  return {
    pipeline: `${settings.application_id}/${pipeline}`,
    name,
    settings,
    jobMode,
    signal,
    log: { debug: () => {}, info: () => {}, warn },
    metrics: { count: () => {}, gauge: () => {}, latency: () => {} },
    // a person waits for the answer
    retry: (_what, attempt) => attempt(),
    dead,
    dropped: () => {},
    stop: () => {},
  }
}
