import { type PipelineCode, PipelineError } from '../../runtime/errors.ts'

/** What DuckDB's kind of error means for a pipeline. The rest is what the statement got wrong. */
const codes: Readonly<Record<string, PipelineCode>> = {
  'Conversion Error': 'bad_data',
  'Invalid Input Error': 'bad_data',
  'Out of Range Error': 'bad_data',
  'Mismatch Type Error': 'bad_data',
  'Constraint Error': 'bad_data',
  'Out of Memory Error': 'limit',
  'IO Error': 'unavailable',
  'INTERRUPT Error': 'timeout',
  'INTERNAL Error': 'internal',
  'FATAL Error': 'internal',
}

/** A failure of DuckDB as a PipelineError: its message on one line, with line and column where it says so. */
export function duckDbError(error: unknown, sql = ''): PipelineError {
  if (error instanceof PipelineError) return error
  const text = error instanceof Error ? error.message : String(error)
  const [kind = ''] = /^[A-Za-z ]+ Error(?=: )/.exec(text) ?? []
  const [message = text, excerpt] = text.split(/\n+(?=LINE \d+: )/, 2)
  // Lists of what every overload of a function takes tell nobody anything
  const [said] = message.split(/\n\s*Candidate functions:/, 1)
  const line = said!.trim().replace(/\s*\n+\s*/g, '; ')
  return new PipelineError(codes[kind] ?? 'bad_pipeline', `${line}${placeOf(excerpt, sql)}`, { cause: error })
}

/** ` (line 1, column 8)` of `LINE 1: select x` and a caret below it; DuckDB cuts long lines to `...` around the place. */
function placeOf(excerpt: string | undefined, sql: string): string {
  const [, number, shown = '', pad = ''] = /^LINE (\d+): (.*)\n( *)\^/.exec(excerpt ?? '') ?? []
  if (number === undefined) return ''
  let column = pad.length - `LINE ${number}: `.length
  if (shown.startsWith('...')) {
    const part = shown.replace(/^\.\.\./, '').replace(/\.\.\.$/, '')
    const at = (sql.split('\n')[Number(number) - 1] ?? '').indexOf(part)
    if (at < 0) return ` (line ${number})`
    column += at - 3
  }
  return ` (line ${number}, column ${column + 1})`
}
