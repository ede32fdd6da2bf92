import type { DeadRow, NodeContext } from '../runtime/contract.ts'

export interface StillOptions extends Pick<NodeContext, 'name' | 'settings' | 'jobMode' | 'signal'> {
  /** of the pipeline, without its namespace */
  pipeline: string
  warn?: (message: string) => void
  dead?: (row: DeadRow) => void
}

/** What a node is given where no pipeline runs: nothing is measured, and what fails once is not tried again. */
export function stillContext({ pipeline, warn = () => {}, dead = () => {}, ...given }: StillOptions): NodeContext {
  return {
    ...given,
    pipeline: `${given.settings.application_id}/${pipeline}`,
    log: { debug: () => {}, info: () => {}, warn },
    metrics: { count: () => {}, gauge: () => {}, latency: () => {} },
    // a person waits for the answer
    retry: (_what, attempt) => attempt(),
    dead,
    dropped: () => {},
    stop: () => {},
  }
}
