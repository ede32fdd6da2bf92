import type { Command } from 'commander'
import { version } from '../version.ts'

/** `millrace version` */
export function define(command: Command): void {
  command
    .option('--json', 'one JSON object: version, node')
    .addHelpText('after', '\nExample:\n  millrace version\n')
    .action((options: { json?: true }) => {
      const { node } = process.versions
      console.log(options.json ? JSON.stringify({ version: version(), node }) : `millrace ${version()} (node ${node})`)
    })
}
