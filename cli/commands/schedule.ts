import { once } from 'node:events'
import type { Command } from 'commander'
import type { Job } from '../../jobs/schedule/parse.ts'
import type { Scheduler } from '../../jobs/schedule/scheduler.ts'
import { UsageError } from '../exit.ts'
import type { GlobalOptions } from './command.ts'

interface Options extends GlobalOptions {
  once?: string
  store?: string
}

const help = `
Examples:
  millrace schedule jobs.yaml
  millrace schedule jobs.yaml --once lake
  millrace schedule jobs.yaml --store sqlite:./millrace.db     (history beside the events, as serve --jobs keeps it)

A jobs file:
  jobs:
    lake: { schedule: "5 * * * *", pipeline: lake.yaml, catch_up: true, timeout: 30m }
    keep: { schedule: "@daily", retention: { table: events, keep: 14d, exported_by: lake } }

Several processes may follow the same jobs: each job runs in one of them at a time. SIGTERM and Ctrl-C end what runs;
with catch_up it is done again at the next start.
`

/** `millrace schedule` */
export function define(command: Command): void {
  command
    .argument('<jobs>', 'jobs file')
    .option('--once <job>', 'run this job now, and end')
    .option(
      '--store <url>',
      'keep the history in this SQLite store of a gateway, sqlite:PATH (default: in the state of the pipelines)',
    )
    .addHelpText('after', help)
    .action((file: string) => schedule(file, command.optsWithGlobals<Options>()))
}

async function schedule(file: string, options: Options): Promise<void> {
  const [{ loadConfig }, { stopSignal }, { createServerLog }, { openScheduler, readJobs }] = await Promise.all([
    import('../config/load.ts'),
    import('../signals.ts'),
    import('../server-log.ts'),
    import('../../jobs/schedule/open.ts'),
  ])
  const stop = stopSignal()
  const { config } = await loadConfig({
    file: options.config,
    flags: { log_level: ['--log-level', options.logLevel], store: ['--store', options.store] },
  })
  const jobs = await readJobs(file).catch(asUsage)
  if (options.once !== undefined && !jobs.some(({ name }) => name === options.once))
    throw new UsageError(`${file} has no job '${options.once}': there are ${jobs.map(({ name }) => name).join(', ')}`)
  const scheduler = await openScheduler({
    jobs,
    settings: config,
    store: config.store,
    place: options.store === undefined ? undefined : { store: options.store },
    log: createServerLog(config.log_level),
  })
  try {
    if (options.once === undefined) await follow(scheduler, jobs, stop)
    else await runOnce(scheduler, options.once, stop)
  } finally {
    await scheduler.stop()
  }
}

async function follow(scheduler: Scheduler, jobs: readonly Job[], stop: AbortSignal): Promise<void> {
  await scheduler.start()
  const enabled = jobs.filter(job => job.enabled).length
  process.stdout.write(`millrace: following the times of ${enabled} ${enabled === 1 ? 'job' : 'jobs'}\n`)
  if (!stop.aborted) await once(stop, 'abort')
}

async function runOnce(scheduler: Scheduler, name: string, stop: AbortSignal): Promise<void> {
  const run = await scheduler.once(name, stop)
  if (run?.outcome !== 'ok')
    throw new Error(`job '${name}': ${run?.outcome ?? 'lost'}: ${run?.message ?? 'its history is gone'}`)
  process.stdout.write(`${name}: ${run.outcome}${run.message === '' ? '' : `, ${run.message}`}\n`)
}

/** What is wrong with the file is printed line by line. */
async function asUsage(error: unknown): Promise<never> {
  const { formatProblem, PipelineProblems } = await import('../../jobs/topology/problem.ts')
  if (error instanceof PipelineProblems) throw new UsageError(...error.problems.map(formatProblem))
  throw error
}
