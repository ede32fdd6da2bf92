import { Command, Option } from 'commander'
import { commands } from './commands/index.ts'
import * as log from './log.ts'
import { version } from './version.ts'

const examples = `
Examples:
  millrace serve                                  a gateway on http://127.0.0.1:4318, events in ./millrace.db
  millrace send --stream app1 events.ndjson       every line becomes an event, exactly once
  millrace query "select count(*) from events"
`

/**
 * The program with the one command that `args` name fully defined; of the others only name and summary.
 * A completion script is made from the whole tree, so for that all are defined.
 */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = createRoot()
  const { operands } = program.parseOptions([...args])
  const wanted = operands[0] === 'help' ? operands[1] : operands[0]
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).description(summary)
    if (name === wanted || wanted === 'completion') (await load()).define(command)
  }
  return program
}

function createRoot(): Command {
  const program = new Command('millrace')
    .description('Catches event streams durably and turns them into tables.')
    .version(`millrace ${version()}`, '-V, --version', 'print the version')
    .option('-c, --config <file>', 'configuration (default: ./millrace.yaml if it exists)')
    .addOption(
      new Option('--log-level <level>', 'least severe line written to stderr (default: info)').choices(log.levels),
    )
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(asOneLine(text)) })
    .exitOverride()
    .addHelpText('after', examples)
  program.hook('preAction', (_, command) => {
    const { logLevel } = command.optsWithGlobals<{ logLevel?: log.Level }>()
    if (logLevel !== undefined) log.setLevel(logLevel)
  })
  return program
}

/** commander writes `error: …` and the suggestion on a line of its own. */
function asOneLine(text: string): string {
  return `millrace: ${text
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ')}\n`
}
