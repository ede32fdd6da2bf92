/** The child's half of `harness/processes.ts`. */

/** what the parent passed; `Config` is the child's own claim about it */
export function workerConfig<Config>(): Config {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** Ends the process when the parent lets go of it, or is gone. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit())
}

export function tell(message: object): void {
  process.send?.(message)
}

/** Runs a generator: its result, or its error on stderr and exit 1. */
export async function answer(work: () => Promise<object>): Promise<void> {
  endWithParent()
  tell(await work())
}
