import type { Jobs } from '../../core/jobs.ts'
import type { Log } from '../../core/telemetry/event.ts'
import type { Pipelines } from '../../jobs/main.ts'
import type { Scheduler } from '../../jobs/schedule/scheduler.ts'
import type { Configuration } from '../config/schema.ts'
import { UsageError } from '../exit.ts'
import { pipelineLog } from './pipeline-log.ts'

export interface BesideOptions {
  config: Configuration
  /** pipeline files */
  pipelines: readonly string[]
  jobsFile: string | undefined
  log: Log
}

/** Pipelines and jobs in the process of a gateway, each pipeline in a worker. Nothing of them is loaded without need. */
export interface Beside {
  jobs(): Jobs | undefined
  metrics(): string
  /** Once the gateway has opened its store. Rejects with all mistakes of the files. */
  start(): Promise<void>
  /** Reads the pipeline files again. */
  reload(): void
  stop(reason: string): Promise<void>
}

export function createBeside({ config, pipelines: files, jobsFile, log }: BesideOptions): Beside {
  let scheduler: Scheduler | undefined
  let pipelines: Pipelines | undefined
  let metricsText: ((pipelines: Pipelines) => string) | undefined

  async function startSchedule(file: string): Promise<void> {
    const { openScheduler, readJobs } = await import('../../jobs/schedule/open.ts')
    const jobs = await readJobs(file).catch(failed)
    const place = config.store.startsWith('sqlite:') ? { store: config.store } : undefined
    scheduler = await openScheduler({ jobs, settings: config, store: config.store, place, log })
    await scheduler.start()
  }

  async function startAll(): Promise<void> {
    const [{ startPipelines }, { pipelineMetricsText }] = await Promise.all([
      import('../../jobs/main.ts'),
      import('../../jobs/metrics.ts'),
    ])
    metricsText = running => pipelineMetricsText(running.status())
    pipelines = await startPipelines({
      files,
      settings: config,
      jobMode: false,
      reset: false,
      log: pipelineLog(log),
    }).catch(failed)
  }

  return {
    jobs: () => scheduler,
    metrics: () => (pipelines === undefined ? '' : (metricsText?.(pipelines) ?? '')),
    async start() {
      if (files.length > 0) await startAll()
      if (jobsFile !== undefined) await startSchedule(jobsFile)
    },
    reload: () => void pipelines?.reload(),
    async stop(reason) {
      pipelines?.drain(reason)
      await Promise.all([scheduler?.stop(), pipelines?.ended])
    },
  }
}

/** Mistakes of a file, each on a line of its own. */
async function failed(error: Error & { problems?: readonly (string | object)[] }): Promise<never> {
  const { problems } = error
  if (problems === undefined || problems.length === 0) throw error
  const { formatProblem } = await import('../../jobs/topology/problem.ts')
  throw new UsageError(
    ...problems.map(problem =>
      typeof problem === 'string' ? problem : formatProblem(problem as Parameters<typeof formatProblem>[0]),
    ),
  )
}
