import type { Command } from 'commander'
import type { UnitReport } from '../../jobs/topology/unit/unit.ts'
import { UsageError } from '../exit.ts'
import type { GlobalOptions } from './command.ts'

const help = `
Given rows go through the transforms of the pipeline; its sources and sinks stay closed, and no server is called.

  # orders.test.yaml
  pipeline: orders.yaml
  tests:
    - name: small orders are dropped
      given: { raw_rows: [{ id: 1, amount: 5 }, { id: 2, amount: 5000 }] }
      expect: { big: [{ id: 2 }] }

Examples:
  millrace test orders.test.yaml
  millrace test --json tests/*.test.yaml
`

/** `millrace test` */
export function define(command: Command): void {
  command
    .argument('<file...>', 'files of tests')
    .option('--json', 'the results as JSON')
    .addHelpText('after', help)
    .action((files: string[]) => test(files, command.optsWithGlobals<GlobalOptions & { json?: true }>()))
}

async function test(files: readonly string[], options: GlobalOptions & { json?: true }): Promise<void> {
  const [{ loadSettings }, { pluginsOf }, { runUnitFile }] = await Promise.all([
    import('../config/load.ts'),
    import('../../jobs/topology/load.ts'),
    import('../../jobs/topology/unit/unit.ts'),
  ])
  const settings = await loadSettings({ file: options.config, flags: { log_level: ['--log-level', options.logLevel] } })
  const plugins = await pluginsOf(settings)
  const reports: UnitReport[] = []
  for (const file of files) reports.push(await runUnitFile({ file, settings, plugins }).catch(notThere(file)))

  if (options.json) process.stdout.write(`${JSON.stringify(reports.map(asJson), null, 2)}\n`)
  else await print(reports)
  const results = reports.flatMap(report => report.results)
  const failed = results.filter(({ ok }) => !ok).length
  const broken = reports.filter(isBroken).map(({ file }) => file)
  if (broken.length > 0) throw new Error(`${broken.join(', ')}: no test ran`)
  if (failed > 0) throw new Error(`${failed} of ${results.length} tests failed`)
}

function notThere(file: string): (error: unknown) => never {
  return error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UsageError(`file of tests ${file} does not exist`)
    throw error
  }
}

const isBroken = ({ problems }: UnitReport) => problems.some(({ severity }) => severity === 'error')

/** Lines as TAP has them; what a test says about itself is indented. */
async function print(reports: readonly UnitReport[]): Promise<void> {
  const { formatProblem } = await import('../../jobs/topology/problem.ts')
  let number = 0
  for (const { problems, results } of reports) {
    for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
    for (const { name, ok, lines } of results) {
      number++
      process.stdout.write(
        `${ok ? 'ok' : 'not ok'} ${number} - ${name}\n${lines.map(line => `    ${line}\n`).join('')}`,
      )
    }
  }
  process.stdout.write(`1..${number}\n`)
}

function asJson({ file, problems, results }: UnitReport) {
  return { file, problems, tests: results }
}
