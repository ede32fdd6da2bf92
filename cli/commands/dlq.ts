import type { Command } from 'commander'
import type { DeadLetterRow } from '../../gateway/dead-letters.ts'
import type { Backend } from '../backend/backend.ts'
import { UsageError } from '../exit.ts'
import { addBackend, type BackendOptions } from '../options.ts'
import { integer, streamKey } from '../parse.ts'

interface Options extends BackendOptions {
  json?: true
  limit: number
  stream?: string
  payload?: string
  all?: true
  /** letters of a pipeline, not of a gateway */
  pipeline?: string
}

const help = `
Examples:
  millrace dlq list
  millrace dlq show 7
  millrace dlq retry 7 --payload '{"level":"error"}'
  millrace dlq purge --all
  millrace dlq list --pipeline orders.yaml --node pg       (rows that a pipeline could not take)
  millrace dlq retry --all --pipeline orders
`

/** What a verb does with the letters of a pipeline; see `dlq/pipeline.ts`. */
type PipelineVerbs = typeof import('../dlq/pipeline.ts')
type PipelineVerb = (verbs: PipelineVerbs) => Parameters<PipelineVerbs['withPipeline']>[1]

/** `millrace dlq list|show|retry|purge` */
export function define(command: Command): void {
  addBackend(command)
    .option('--pipeline <file>', 'dead letters of this pipeline (its file, or its name) instead of a gateway')
    .option('--json', 'one JSON object per line')
    .addHelpText('afterAll', help)
  const ids = (text: string, previous: number[] | undefined) => [...(previous ?? []), integer(1)(text)]
  const run = async (use: (backend: Backend, options: Options) => Promise<void>, of: Command, other: PipelineVerb) => {
    const { pipeline, ...options } = of.optsWithGlobals<Options>()
    if (pipeline !== undefined) {
      const verbs = await import('../dlq/pipeline.ts')
      return verbs.withPipeline({ ...options, pipeline }, other(verbs))
    }
    const { withBackend } = await import('../backend/open.ts')
    await withBackend(options, backend => use(backend, options))
  }

  const listing = command.command('list').description('list dead letters with their beginnings, the oldest first')
  listing
    .option('--limit <number>', 'how many', integer(1), 100)
    .option('--stream <key>', 'only those of this stream', streamKey)
    .option('--node <name>', 'with --pipeline: only those of this node')
    .action(() => run(list, listing, verbs => verbs.list))

  const showing = command.command('show').description('show one dead letter with its whole text')
  showing.argument('<id>', 'its id', integer(1)).action((id: number) =>
    run(
      (backend, options) => show(backend, id, options),
      showing,
      verbs => verbs.show(id),
    ),
  )

  const retrying = command
    .command('retry')
    .description('store dead letters at their positions in their streams, or mark those of a pipeline for another try')
  retrying
    .argument('[id...]', 'their ids', ids)
    .option('--payload <json>', 'store this instead; for one id')
    .option('--all', 'with --pipeline: all that can be')
    .action((wanted: number[] = []) =>
      run(
        (backend, options) => retry(backend, wanted, options),
        retrying,
        verbs => verbs.retry(wanted),
      ),
    )

  const purging = command.command('purge').description('delete dead letters for good')
  purging
    .argument('[id...]', 'their ids', ids)
    .option('--all', 'all of them')
    .action((wanted: number[]) =>
      run(
        (backend, options) => purge(backend, wanted, options),
        purging,
        verbs => verbs.purge(wanted),
      ),
    )
}

async function list(backend: Backend, { limit, stream, json }: Options): Promise<void> {
  const [{ pages }, { table }, { time }] = await Promise.all([
    import('../backend/pages.ts'),
    import('../output/table.ts'),
    import('../output/time.ts'),
  ])
  const found: DeadLetterRow[] = []
  const fetch = async (page: { limit: number; after: number | undefined }) => {
    const { dead_letters: rows, next } = await backend.deadLetters({
      ...page,
      ...(stream === undefined ? {} : { stream }),
    })
    return { rows, next }
  }
  for await (const rows of pages(limit, fetch)) found.push(...rows)
  if (json) {
    process.stdout.write(found.map(row => `${JSON.stringify(row)}\n`).join(''))
    return
  }
  const columns = ['id', 'stream', 'index', 'received', 'code', 'size', 'message']
  const cells = found.map(row => [
    row.id,
    row.stream,
    row.index,
    time(row.received_at),
    row.code,
    row.size,
    row.message,
  ])
  process.stdout.write(table(columns, cells))
}

async function show(backend: Backend, id: number, { json }: Options): Promise<void> {
  const row = await backend.deadLetter(id)
  if (row === undefined) throw new Error(`there is no dead letter ${id}`)
  if (json) {
    console.log(JSON.stringify(row))
    return
  }
  const [{ table }, { time }] = await Promise.all([import('../output/table.ts'), import('../output/time.ts')])
  const { text, base64, received_at, ...rest } = row
  const content = text === undefined ? ['base64', base64] : ['text', text]
  const fields = [...Object.entries(rest), ['received', time(received_at)], content]
  process.stdout.write(table(['field', 'value'], fields))
}

async function retry(backend: Backend, ids: readonly number[], { payload, json, all }: Options): Promise<void> {
  if (ids.length === 0 || all)
    throw new UsageError('name the ids of dead letters to retry (--all goes with --pipeline)')
  if (payload !== undefined && ids.length !== 1) throw new UsageError('--payload goes with exactly one id')
  const { retried, failed } = await backend.retry(ids, payload)
  if (json) console.log(JSON.stringify({ retried, failed }))
  const log = await import('../log.ts')
  for (const id of retried) log.info(`dead letter ${id} is stored`)
  if (failed.length === 0) return
  throw new Error(failed.map(({ message, code }) => `${message} (${code})`).join('; '))
}

async function purge(backend: Backend, ids: readonly number[], { all, json }: Options): Promise<void> {
  if ((all === true) === ids.length > 0) throw new UsageError('name the ids of dead letters to purge, or --all')
  const purged = await backend.purge(all ? 'all' : ids)
  if (json) console.log(JSON.stringify({ purged }))
  const log = await import('../log.ts')
  const missing = new Set(ids).size - purged
  if (!all && missing > 0) throw new Error(`${missing} of the dead letters were not there, ${purged} are purged`)
  log.info(`${purged} dead letters purged`)
}
