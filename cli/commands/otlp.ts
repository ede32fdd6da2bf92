import { type Command, InvalidArgumentError, Option } from 'commander'
import { addRemote, type RemoteOptions } from '../options.ts'
import type { Format } from '../otlp/names.ts'
import { duration, streamKey } from '../parse.ts'
import type { GlobalOptions } from './command.ts'

export interface OtlpOptions extends RemoteOptions, GlobalOptions {
  store?: string
  tenant?: string
  stream?: string
  to?: string
  signal?: 'logs' | 'traces' | 'metrics'
  format?: Format
  onError: 'fail' | 'skip'
  retryFor: number
  gzip?: true
  json?: true
}

const help = `
Files: .json (documents, or one a line), .jsonl and .ndjson (one request a line), .pb, .otlp and .binpb (protobuf, one
request a file), .bar (OTAP, one BatchArrowRecords a file; several files continue one stream). Also gzip or zstd of these.
Where neither the content nor the name says which signal a file has, --signal does.
Each file is a stream of its own, unless --stream names one for all. Run again with the same files nothing is stored twice.

Examples:
  millrace otlp traces.jsonl metrics.pb.gz
  millrace otlp --store sqlite:./millrace.db logs-initial.bar logs-reuse.bar
  millrace otlp capture.json --to capture.parquet
  zcat spans.gz | millrace otlp --format protobuf --signal traces
`

/** `millrace otlp` */
export function define(command: Command): void {
  addRemote(command.argument('[files...]', 'files of OpenTelemetry data in this order; - or none is stdin'))
    .option('--store <url>', 'write into this store instead, such as sqlite:./millrace.db, while no gateway runs on it')
    .option('--tenant <name>', 'with --store: whose stream (default: none)')
    .option('--stream <key>', 'one stream for all files (default: one a file, from its path and content)', streamKey)
    .addOption(
      new Option('--to <file>', 'write Parquet instead; several tables become FILE.TABLE.parquet')
        .argParser(parquetFile)
        .conflicts(['store', 'tenant', 'stream', 'gzip']),
    )
    .addOption(new Option('--signal <signal>', 'of files that do not tell it').choices(['logs', 'traces', 'metrics']))
    .addOption(
      new Option('--format <format>', 'of all files (default: by the ending of their names)').choices([
        'json',
        'ndjson',
        'protobuf',
        'otap',
      ]),
    )
    .addOption(
      new Option('--on-error <what>', 'a record that is refused fails its file, or becomes a dead letter')
        .choices(['fail', 'skip'])
        .default('fail'),
    )
    .option('--retry-for <duration>', 'give up after so long without progress', duration, 300_000)
    .option('--gzip', 'compress what is sent')
    .option('--json', 'print the outcome as one JSON object')
    .addHelpText('after', help)
    .action(async (files: string[]) => {
      const { importFiles } = await import('../otlp/otlp.ts')
      await importFiles(files, command.optsWithGlobals<OtlpOptions>())
    })
}

function parquetFile(text: string): string {
  if (/[^/\\]\.parquet$/.test(text)) return text
  throw new InvalidArgumentError('Expected a file name that ends in .parquet.')
}
