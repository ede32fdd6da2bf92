import { type Command, Option } from 'commander'
import { addRemote, type RemoteOptions } from '../options.ts'
import { duration, integer, size, streamKey } from '../parse.ts'

export interface SendOptions extends RemoteOptions {
  stream?: string
  append?: true
  epoch?: number
  batchBytes: number
  eventBytes: number
  onError: 'stop' | 'dead_letter'
  retryFor: number
  gzip?: true
  json?: true
}

const help = `
Run again with the same --stream and the same files it goes on where it stopped and sends nothing twice.

Examples:
  millrace send --stream app1 monday.ndjson tuesday.ndjson
  journalctl -o json -f | millrace send --stream journal --append
`

/** `millrace send` */
export function define(command: Command): void {
  addRemote(command.argument('[files...]', 'NDJSON files in this order; - or none is stdin'))
    .option('--stream <key>', 'the stream to send to (default: a new one)', streamKey)
    .option('--append', 'add the whole input to the stream, instead of skipping what it already has of it')
    .option('--epoch <number>', 'fence off every producer with a lower one', integer())
    .option('--batch-bytes <size>', 'bytes of one request', size, 1024 * 1024)
    .option('--event-bytes <size>', "largest event, as the gateway's limits.event", size, 16 * 1024 * 1024)
    .addOption(
      new Option('--on-error <what>', 'a bad event ends the transfer, or becomes a dead letter')
        .choices(['stop', 'dead_letter'])
        .default('stop'),
    )
    .option('--retry-for <duration>', 'give up after so long without progress', duration, 300_000)
    .option('--gzip', 'compress what is sent')
    .option('--json', 'print the outcome as one JSON object')
    .addHelpText('after', help)
    .action(async (files: string[], options: SendOptions) => {
      const { send } = await import('../send/send.ts')
      await send(files, options)
    })
}
