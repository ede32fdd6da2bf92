import { type PipelineCode, PipelineError } from '../../runtime/errors.ts'

/** What the server's exception codes mean for a pipeline. Those that are not here are `refused`: they do not pass by themselves. */
const codes: Readonly<Record<number, PipelineCode>> = {
  ...Object.fromEntries([159, 160, 209].map(code => [code, 'timeout' as const])),
  // too many queries, no connection, network, memory, read-only replica, disk, parts, replicas, quorum, keeper, cancelled, overloaded
  ...Object.fromEntries(
    [
      3, 74, 75, 99, 101, 202, 203, 210, 225, 236, 241, 242, 243, 252, 254, 265, 279, 285, 286, 289, 319, 335, 341, 364,
      373, 394, 416, 425, 439, 473, 499, 517, 519, 529, 530, 574, 594, 667, 668, 692, 694, 722, 734, 745, 999, 1000,
    ].map(code => [code, 'unavailable' as const]),
  ),
  ...Object.fromEntries(
    [6, 25, 26, 27, 32, 33, 34, 38, 41, 43, 53, 69, 70, 72, 117, 130, 131, 190, 321, 349, 407, 469, 636, 691].map(
      code => [code, 'bad_data' as const],
    ),
  ),
}

/** Raised where a server answers that it could not do what was asked. */
export class ServerError extends PipelineError {
  /** of the server, such as 60 for a table that is not there */
  readonly exception: number

  constructor(exception: number, code: PipelineCode, message: string) {
    super(code, message)
    this.exception = exception
  }
}

/** The server's code, also where the error was wrapped since. */
export function exceptionOf(error: unknown): number | undefined {
  if (error instanceof ServerError) return error.exception
  return error instanceof Error && error.cause !== undefined ? exceptionOf(error.cause) : undefined
}

/** Servers before 20.3 write `Code: 60, e.displayText() = DB::Exception: …, e.what() = DB::Exception`. */
const exceptionText = /Code: (\d+)(?:\.|, e\.displayText\(\) =) DB::(?:NetException|Exception|[\w:]+): ([\s\S]*)/

/** An exception in what a server sent, wherever it is; undefined: there is none. */
export function exceptionIn(text: string): ServerError | undefined {
  const [, code, message] = exceptionText.exec(text) ?? []
  return code === undefined ? undefined : serverError(Number(code), message!)
}

/** The name of the code or the version of the server, at the end. */
const ending = /\s*\((?:version [^()]*(?:\([^()]*\))?|([A-Z][A-Z0-9_]{3,}))\)\.?\s*$/
/** Where in the server it happened. */
const inside = /(?:: \(in file\/uri|: While executing|,? ?Stack trace|,? ?e\.what\(\) = )[\s\S]*$/

export function serverError(exception: number, text: string): ServerError {
  // the innermost of nested ones says most
  let rest = /^(?:[\s\S]*Code: \d+\. DB::\w*Exception: )?([\s\S]*)$/.exec(text)![1]!
  let type: string | undefined
  for (let end = ending.exec(rest); end !== null; end = ending.exec(rest)) {
    type ??= end[1]
    rest = rest.slice(0, end.index)
  }
  const words = rest.replace(inside, '').trim().replace(/\.$/, '')
  const short = words.length > 600 ? `${words.slice(0, 600)}…` : words
  const message = `${short} (code ${exception}${type === undefined ? '' : `, ${type}`})${wayOut(exception, words)}`
  return new ServerError(exception, codeOf(exception, words), message)
}

function codeOf(exception: number, words: string): PipelineCode {
  // of one insert, and not of a table that is merged too slowly
  if (exception === 252 && /Too many partitions/i.test(words)) return 'refused'
  return codes[exception] ?? 'refused'
}

function wayOut(exception: number, words: string): string {
  if (exception === 252 && /Too many partitions/i.test(words))
    return ': partition the table more coarsely, or raise max_partitions_per_insert_block for the user'
  if (exception === 164) return ': the user needs readonly = 0 or 2, since settings come with each query'
  return ''
}
