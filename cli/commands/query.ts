import { type Command, Option } from 'commander'
import type { QueryParam } from '../../gateway/store/store.ts'
import { addBackend, type BackendOptions } from '../options.ts'
import { collect } from '../parse.ts'

interface Options extends BackendOptions {
  param?: string[]
  json?: true
  csv?: true
}

const help = `
A --param that is a JSON number, true, false, null or a text in quotes is that; any other is text.

Examples:
  millrace query "select json_pretty(payload) from events limit 3"
  millrace query "select count(*) from events where payload->>'level' = ?" --param error
  millrace query "select stream_key, count from streams" --store sqlite:./millrace.db --csv
`

/** `millrace query SQL` */
export function define(command: Command): void {
  addBackend(command.argument('<sql>', 'one SELECT over the data tables'))
    .option('--param <value>', 'for the next ? in the SQL; may be given several times', collect)
    .addOption(new Option('--json', 'one JSON object per row and line').conflicts('csv'))
    .option('--csv', 'CSV with headings (RFC 4180)')
    .addHelpText('after', help)
    .action(async (sql: string) => {
      const options = command.optsWithGlobals<Options>()
      const { withBackend } = await import('../backend/open.ts')
      const params = (options.param ?? []).map(paramOf)
      const { columns, rows, truncated } = await withBackend(options, backend => backend.query(sql, params))
      const render = await rendererOf(options)
      process.stdout.write(render(columns, rows))
      if (!truncated) return
      const log = await import('../log.ts')
      log.warn(`only the first ${rows.length} rows are shown: add a limit to the SQL, or raise gateway.query.rows`)
    })
}

/** The value of a `--param`. */
export function paramOf(text: string): QueryParam {
  try {
    const value: unknown = JSON.parse(text)
    // what a double cannot hold goes as text, which SQLite compares exactly
    if (
      typeof value === 'number' &&
      (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    )
      return text
    if (value === null || typeof value !== 'object') return value as QueryParam
  } catch {
    // no JSON: the text itself
  }
  return text
}

async function rendererOf({ json, csv }: Options) {
  if (json) return (await import('../output/json.ts')).jsonLines
  if (csv) return (await import('../output/csv.ts')).csv
  return (await import('../output/table.ts')).table
}
