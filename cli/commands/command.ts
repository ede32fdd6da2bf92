import type { Command } from 'commander'

/**
 * What a file in this folder exports. Rules:
 * - `define` adds arguments, options, an example (`addHelpText('after', …)`) and the action to a command that already
 *   has its name and summary. Whatever the action needs beyond commander it imports inside the action.
 * - The action resolves when the command is done (exit 0), rejects with a `UsageError` (exit 2) or any other error
 *   (exit 1). It never calls `process.exit`.
 * - Data goes to stdout, everything else to stderr (`../log.ts`).
 */
export interface CommandModule {
  define(command: Command): void
}

/** Options that every command takes; read them with `command.optsWithGlobals()`. */
export interface GlobalOptions {
  config?: string
  logLevel?: string
}
