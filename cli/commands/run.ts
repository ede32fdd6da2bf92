import type { Command } from 'commander'
import type { Pipelines, PipelinesLog } from '../../jobs/main.ts'
import type { Flags } from '../config/text.ts'
import { UsageError } from '../exit.ts'
import * as log from '../log.ts'
import { onSignals } from '../signals.ts'
import type { GlobalOptions } from './command.ts'

const help = `
Positions are kept in ./state.db, so that a run goes on where the last one was. A changed file is taken up while its
pipeline runs, and so it is on SIGHUP. SIGTERM and Ctrl-C end the run (drain_policy says how); a second one ends at once.

Examples:
  millrace run orders.yaml
  millrace run lake.yaml alerts.yaml --admin 127.0.0.1:3000
  millrace run daily.yaml --job-mode
`

interface Options extends GlobalOptions {
  jobMode?: true
  reset?: true
  admin?: string
}

/** `millrace run` */
export function define(command: Command): void {
  command
    .argument('[pipeline...]', 'pipeline files, each run on its own (default: ./pipeline.yaml)')
    .option('--job-mode', 'end after the bounded phases, and after what was there at the start')
    .option('--reset', 'forget positions and checkpoints: read everything again')
    .option('--admin <host:port>', 'HTTP for /healthz, /readyz, /metrics and /pipelines; port 0 picks a free one')
    .addHelpText('after', help)
    .action((files: string[]) => run(files, command.optsWithGlobals<Options>()))
}

async function run(named: readonly string[], options: Options): Promise<void> {
  const signals = onSignals()
  const [{ loadSettings }, { startPipelines }] = await Promise.all([
    import('../config/load.ts'),
    import('../../jobs/main.ts'),
  ])
  const flags: Flags = {
    job_mode: ['--job-mode', options.jobMode],
    log_level: ['--log-level', options.logLevel],
  }
  const settings = await loadSettings({ file: options.config, flags })
  const admin = adminOf(options.admin, settings.admin_api_port)
  const files = named.length > 0 ? [...new Set(named)] : [settings.pipeline_definition_location]
  const several = files.length > 1
  let pipelines: Pipelines | undefined
  // one that comes while they start is not lost, and does not end the process
  signals.onReload(() => void pipelines?.reload())
  // a port that is taken is told before any row is read
  const server =
    admin && (await (await import('../../jobs/admin.ts')).startAdmin(() => pipelines?.status(), admin.host, admin.port))
  if (server !== undefined) log.info(`admin on ${server.url}`)
  if (admin !== undefined && !/^(127\.|localhost$|::1$)/.test(admin.host))
    log.warn(
      `--admin on ${admin.host} takes no token: whoever reaches it sees names, figures and errors of the pipelines`,
    )
  try {
    const started = await startPipelines({
      files,
      settings,
      jobMode: settings.job_mode,
      reset: options.reset === true,
      log: settings.log_format === 'json' ? await jsonLines(options.logLevel) : textLines(several),
    }).catch(failed)
    pipelines = started
    signals.onStop(signal => started.drain(signal))
    const bad = await started.ended
    if (bad.length > 0) throw new Error(`${bad.join(', ')}: failed`)
  } finally {
    await server?.close()
    signals.close()
  }
}

function textLines(several: boolean): PipelinesLog {
  return (level, pipeline, node, message) => {
    const where = [several ? `${pipeline}: ` : '', node === '' ? '' : `${node}: `].join('')
    writers[level](`${where}${message}`)
  }
}

async function jsonLines(level: string | undefined): Promise<PipelinesLog> {
  const [{ createServerLog }, { pipelineLog }] = await Promise.all([
    import('../server-log.ts'),
    import('../serve/pipeline-log.ts'),
  ])
  return pipelineLog(createServerLog((level as log.Level | undefined) ?? 'info'))
}

const writers = { debug: log.debug, info: log.info, warn: log.warn, error: log.failure }

/** Each mistake of the files on a line of its own, as `millrace check` prints them. */
function failed(error: Error & { problems?: readonly string[] }): never {
  if (error.problems === undefined || error.problems.length === 0) throw error
  for (const problem of error.problems.slice(0, -1)) log.failure(problem)
  throw new Error(error.problems.at(-1))
}

function adminOf(given: string | undefined, port: number | undefined): { host: string; port: number } | undefined {
  if (given === undefined) return port === undefined ? undefined : { host: '127.0.0.1', port }
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(given)
  if (!match || Number(match[2]) > 65_535)
    throw new UsageError(`--admin: expected HOST:PORT, such as 127.0.0.1:3000, got ${given}`)
  return { host: (match[1] ?? '127.0.0.1').replace(/^\[(.*)\]$/, '$1'), port: Number(match[2]) }
}
