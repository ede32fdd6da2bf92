import { type Command, InvalidArgumentError } from 'commander'
import { addBackend, type BackendOptions } from '../options.ts'
import { integer, streamKey } from '../parse.ts'

interface Options extends BackendOptions {
  stream?: string
  from: string
  where?: string
  lines: number
  json?: true
}

const help = `
Over a break of the connection it goes on behind the last event, without gap or repeat. Ctrl-C ends it.

Examples:
  millrace tail
  millrace tail --stream app1 --from earliest --where "payload->>'level' = 'error'"
`

/** `millrace tail` */
export function define(command: Command): void {
  addBackend(command)
    .option('--stream <key>', 'only events of this stream', streamKey)
    .option('--from <where>', 'earliest, latest, or the id of the first event', startOf, 'latest')
    .option('--where <sql>', 'only events for which this SQL expression over the columns of events is true')
    .option('--lines <number>', 'end after so many events', integer(1), Number.POSITIVE_INFINITY)
    .option('--json', 'the whole envelope: event_id, stream, index, received_at, payload')
    .addHelpText('after', help)
    .action(async () => {
      const options = command.optsWithGlobals<Options>()
      const { withBackend } = await import('../backend/open.ts')
      const stop = new AbortController()
      const interrupt = () => stop.abort()
      process.once('SIGINT', interrupt)
      process.once('SIGTERM', interrupt)
      try {
        await withBackend(options, async backend => {
          const { stream, where, from, lines, json } = options
          let left = lines
          for await (const row of backend.tail({ stream, where, from }, stop.signal)) {
            process.stdout.write(`${json ? row.envelope : row.payload}\n`)
            if (--left === 0) break
          }
        })
      } finally {
        process.off('SIGINT', interrupt)
        process.off('SIGTERM', interrupt)
      }
    })
}

function startOf(text: string): string {
  if (text === 'earliest' || text === 'latest' || /^\d{1,15}$/.test(text)) return text
  throw new InvalidArgumentError('Expected earliest, latest or an event id.')
}
