import type { Command } from 'commander'
import type { Settings } from '../../jobs/settings.ts'
import type { Problem } from '../../jobs/topology/problem.ts'
import type { Flags } from '../config/text.ts'
import { UsageError } from '../exit.ts'
import type { GlobalOptions } from './command.ts'

const help = `
Local files and SQLite stores are opened, and nothing is written. --schema prints a JSON Schema of pipeline files; an
editor uses it where a file begins with: # yaml-language-server: $schema=./pipeline.schema.json

Examples:
  millrace check orders.yaml
  millrace check --json orders.yaml
  millrace check --schema > pipeline.schema.json
`

interface Options extends GlobalOptions {
  connect?: true
  json?: true
  schema?: true
  jobMode?: true
}

/** `millrace check` */
export function define(command: Command): void {
  command
    .argument('[pipeline...]', 'pipeline files')
    .option('--connect', 'talk to servers, too, also that of the state')
    .option('--job-mode', 'as a run that ends after the bounded phases')
    .option('--json', 'the result as JSON: success, is_valid, errors, warnings')
    .option('--schema', 'print a JSON Schema of pipeline files for editors')
    .addHelpText('after', help)
    .action((files: string[]) => check(files, command.optsWithGlobals<Options>()))
}

async function check(files: readonly string[], options: Options): Promise<void> {
  if (files.length === 0 && !options.schema) throw new UsageError('name a pipeline file: millrace check orders.yaml')
  const [{ loadSettings }, { checkFile, pluginsOf }] = await Promise.all([
    import('../config/load.ts'),
    import('../../jobs/topology/load.ts'),
  ])
  const flags: Flags = {
    job_mode: ['--job-mode', options.jobMode],
    log_level: ['--log-level', options.logLevel],
  }
  const settings = await loadSettings({ file: options.config, flags })
  if (options.schema) {
    const [{ jsonSchema }, { kindsOf }] = await Promise.all([
      import('../../jobs/topology/schema.ts'),
      import('../../jobs/topology/kinds.ts'),
    ])
    const schema = await jsonSchema(kindsOf(await pluginsOf(settings)))
    process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
  }

  const unusable = options.connect && files.length > 0 ? await stateErrors(settings) : []
  const results: Result[] = []
  for (const file of files) {
    try {
      const { problems, topology } = await checkFile({ file, settings, connect: options.connect === true })
      const { summary } = await import('../../jobs/topology/summary.ts')
      const { problemOfFile } = await import('../../jobs/topology/problem.ts')
      const ofState = unusable.map(error => problemOfFile(error, file))
      const isRight = topology !== undefined && ofState.length === 0
      results.push({ file, problems: [...ofState, ...problems], text: isRight ? summary(topology) : undefined })
    } catch (error) {
      const { problemOfFile } = await import('../../jobs/topology/problem.ts')
      results.push({ file, problems: [problemOfFile(error, file)], text: undefined })
    }
  }
  if (options.json) printJson(results)
  else await printLines(results)
  const wrong = results.filter(({ text }) => text === undefined).map(({ file }) => file)
  if (wrong.length > 0) throw new Error(`${wrong.join(', ')}: cannot run`)
}

/** The state is that of the settings: it keeps each of the files from running. */
async function stateErrors(settings: Settings): Promise<readonly unknown[]> {
  const [{ lookAtState }, { context }] = await Promise.all([
    import('../../jobs/state/index.ts'),
    import('../../jobs/runtime/errors.ts'),
  ])
  return (await lookAtState(settings)).map(error => context('state_backend', error))
}

interface Result {
  file: string
  problems: readonly Problem[]
  /** what is said of one that is right */
  text: string | undefined
}

async function printLines(results: readonly Result[]): Promise<void> {
  const { formatProblem } = await import('../../jobs/topology/problem.ts')
  for (const { problems, text } of results) {
    for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
    if (text !== undefined) process.stdout.write(`${text}\n`)
  }
}

/** The form of the model runtime, for one file; of several a list, each with its name. */
function printJson(results: readonly Result[]): void {
  const reports = results.map(({ file, problems }) => {
    const of = (severity: Problem['severity']) =>
      problems
        .filter(problem => problem.severity === severity)
        .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)
    const errors = of('error')
    return {
      ...(results.length > 1 ? { file } : {}),
      success: !problems.some(({ internal }) => internal === true),
      is_valid: errors.length === 0,
      errors,
      warnings: of('warning'),
    }
  })
  process.stdout.write(`${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)}\n`)
}
