import type { Command } from 'commander'
import type { GlobalOptions } from './command.ts'

const help = `
Later ones win, key by key: defaults, millrace.yaml, MILLRACE__… variables, flags.

Examples:
  millrace config --sources
  MILLRACE__GATEWAY__PORT=8080 millrace config --json
`

/** `millrace config` */
export function define(command: Command): void {
  command
    .option('--json', 'as JSON instead of YAML')
    .option('--sources', 'say for each value where it comes from')
    .addHelpText('after', help)
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions & { json?: true; sources?: true }>()
      const [{ loadConfig }, { asJson, asYaml }] = await Promise.all([
        import('../config/load.ts'),
        import('../config/render.ts'),
      ])
      const { settings } = await loadConfig({
        file: options.config,
        flags: { log_level: ['--log-level', options.logLevel] },
      })
      const text = options.json
        ? `${asJson(settings, options.sources === true)}\n`
        : asYaml(settings, options.sources === true)
      process.stdout.write(text)
    })
}
