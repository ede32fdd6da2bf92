import type { Command } from 'commander'
import type { Backend, StreamRow } from '../backend/backend.ts'
import { addBackend, type BackendOptions } from '../options.ts'
import { integer, streamKey } from '../parse.ts'

interface Options extends BackendOptions {
  json?: true
  limit: number
}

const help = `
Examples:
  millrace streams
  millrace streams app1 --json
  millrace streams delete app1
`

/** `millrace streams [KEY]`, `millrace streams delete KEY` */
export function define(command: Command): void {
  addBackend(command.argument('[key]', 'show this stream alone', streamKey))
    .option('--limit <number>', 'streams to list, the oldest first', integer(1), 100)
    .option('--json', 'one JSON object per line')
    .addHelpText('afterAll', help)
    .action(async (key: string | undefined) => {
      const options = command.optsWithGlobals<Options>()
      const { withBackend } = await import('../backend/open.ts')
      await withBackend(options, backend => (key === undefined ? list(backend, options) : show(backend, key, options)))
    })
  command
    .command('delete')
    .description('delete a stream with its events and dead letters')
    .argument('<key>', 'the stream', streamKey)
    .action(async (key: string) => {
      const { withBackend } = await import('../backend/open.ts')
      const log = await import('../log.ts')
      const options = command.optsWithGlobals<Options>()
      const isDeleted = await withBackend(options, backend => backend.deleteStream(key))
      if (!isDeleted) throw new Error(`there is no stream ${key}`)
      if (options.json) console.log(JSON.stringify({ stream: key, deleted: true }))
      log.info(`stream ${key} is deleted`)
    })
}

async function list(backend: Backend, { limit, json }: Options): Promise<void> {
  const { pages } = await import('../backend/pages.ts')
  const found: StreamRow[] = []
  const fetch = async (page: { limit: number; after: number | undefined }) => {
    const { streams: rows, next } = await backend.streams(page)
    return { rows, next }
  }
  for await (const rows of pages(limit, fetch)) found.push(...rows)
  if (json) process.stdout.write(found.map(row => `${JSON.stringify(row)}\n`).join(''))
  else await printList(found)
}

async function printList(rows: readonly StreamRow[]): Promise<void> {
  const [{ table }, { time }] = await Promise.all([import('../output/table.ts'), import('../output/time.ts')])
  const columns = ['stream', 'tenant', 'transport', 'from', 'epoch', 'count', 'opened', 'last', 'closed']
  const cells = rows.map(row => [
    row.stream_key,
    row.tenant,
    row.transport,
    row.remote_addr,
    row.epoch,
    row.count,
    time(row.opened_at),
    time(row.last_at),
    time(row.closed_at),
  ])
  process.stdout.write(table(columns, cells))
}

async function show(backend: Backend, key: string, { json }: Options): Promise<void> {
  const row = await backend.stream(key)
  if (row === undefined) throw new Error(`there is no stream ${key}`)
  if (json) {
    console.log(JSON.stringify(row))
    return
  }
  await printList([row])
  const { table } = await import('../output/table.ts')
  const headers = Object.entries(row.headers).map(([name, value]) => [name, [value].flat().join('\n')])
  process.stdout.write(`\n${table(['header', 'value'], headers)}`)
}
