import type { Log } from '../../core/telemetry/event.ts'
import type { PipelinesLog } from '../../jobs/main.ts'

/** What pipelines say, as events of a log. */
export const pipelineLog =
  (log: Log): PipelinesLog =>
  (level, pipeline, node, message) => {
    const fields = { pipeline, ...(node === '' ? {} : { node }) }
    log[level](level === 'error' ? 'pipeline.fail' : 'pipeline.report', fields, message)
  }
