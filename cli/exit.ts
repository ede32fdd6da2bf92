/** Wrong usage: exit 2. Each line of `problems` is printed by itself, all at once. */
export class UsageError extends Error {
  readonly problems: readonly string[]

  constructor(...problems: string[]) {
    super(problems.join('\n'))
    this.name = 'UsageError'
    this.problems = problems
  }
}

/** The lines that tell a person why the command failed: what was being tried, down to the first cause. */
export function explain(error: unknown): readonly string[] {
  return error instanceof UsageError ? error.problems : [chain(error)]
}

export function exitCode(error: unknown): 1 | 2 {
  return error instanceof UsageError ? 2 : 1
}

/** Joins the messages of an error and its causes by `: `, leaving out what a message already quotes. */
function chain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = oneLine(error)
  if (error.cause === undefined) return own
  const inner = chain(error.cause)
  return own.includes(inner) ? own : `${own}: ${inner}`
}

/** Node gives a refused connection to a name with several addresses an empty message and a list of errors. */
function oneLine(error: Error): string {
  if (error.message === '' && error instanceof AggregateError) return error.errors.map(chain).join('; ')
  return (error.message || error.name).replace(/\s*\n\s*/g, ' ')
}
