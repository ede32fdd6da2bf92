import { type Command, Option } from 'commander'
import type { GlobalOptions } from './commands/command.ts'

/** Options that several commands share, so that they are called and described the same everywhere. */

export const defaultUrl = 'http://127.0.0.1:4318'

export interface RemoteOptions {
  url: string
  token?: string
}

export interface BackendOptions extends RemoteOptions, GlobalOptions {
  store?: string
  tenant?: string
}

/** `--url` and `--token`, for commands that speak to a gateway. */
export function addRemote(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'address of the gateway').env('MILLRACE_URL').default(defaultUrl))
    .addOption(new Option('--token <token>', 'token of the gateway').env('MILLRACE_TOKEN'))
}

/** As `addRemote`, or else `--store` and `--tenant`, for commands that look at what was caught. */
export function addBackend(command: Command): Command {
  return addRemote(command)
    .option('--store <url>', 'look into this store instead, such as sqlite:./millrace.db')
    .option('--tenant <name>', 'with --store: whose streams (default: all; for a KEY, that without a tenant)')
}
