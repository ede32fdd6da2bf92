import { CommanderError } from 'commander'
import { exitCode, explain, UsageError } from './exit.ts'
import * as log from './log.ts'
import { createProgram } from './program.ts'

/** Runs one command line (without `node` and the file) and gives its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  endWhereStdoutFails()
  // the command decides when it is done, and not whether all it waits for happens to hold the process
  const alive = setInterval(() => {}, 2 ** 30)
  try {
    const program = await createProgram(args)
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    // commander has already printed its own; its code is 0 for help and version that were asked for
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    for (const line of explain(error)) log.failure(line)
    if (error instanceof Error && !(error instanceof UsageError)) log.debug(error.stack ?? '')
    return exitCode(error)
  } finally {
    clearInterval(alive)
  }
}

/** `millrace … | head` closes our stdout once it has enough: that is the reader's wish. Any other end is a failure. */
function endWhereStdoutFails(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    log.failure(`stdout cannot be written: ${error.message}`)
    process.exit(1)
  })
  process.stderr.on('error', () => {})
}
