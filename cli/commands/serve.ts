import { once } from 'node:events'
import { type Command, Option } from 'commander'
import type { Flags } from '../config/text.ts'
import { onSignals, stopSignal } from '../signals.ts'
import { version } from '../version.ts'
import type { GlobalOptions } from './command.ts'

const help = `
Examples:
  millrace serve                                              events in ./millrace.db, on http://127.0.0.1:4318
  millrace serve --store sqlite:/var/lib/millrace/events.db --port 8080
  millrace serve --pipeline lake.yaml --jobs jobs.yaml
  millrace serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem    (needs a token: millrace token create)

SIGTERM and Ctrl-C store and acknowledge what was received, then exit 0; a second signal ends at once.
`

/** Flag of the command line → key of the configuration. */
const keys: Record<string, string> = {
  host: 'gateway.host',
  port: 'gateway.port',
  grpcPort: 'gateway.grpc_port',
  store: 'store',
  durability: 'durability',
  cors: 'gateway.cors',
  auth: 'gateway.no_auth',
  tlsCert: 'gateway.tls.cert',
  tlsKey: 'gateway.tls.key',
  tlsClientCa: 'gateway.tls.client_ca',
  grace: 'gateway.grace',
  perMessageDeflate: 'gateway.per_message_deflate',
  logLevel: 'log_level',
}

/** `millrace serve` */
export function define(command: Command): void {
  command
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'HTTP and WebSocket; 0 picks a free one (default: 4318)')
    .option('--grpc-port <port>', 'OTLP and OTAP over gRPC; 0 picks a free one (default: 4317, or 0 with --port 0)')
    .option('--store <url>', 'sqlite:PATH, memory: or postgres://… (default: sqlite:./millrace.db)')
    .addOption(
      new Option('--durability <level>', 'relaxed acks before the disk has synced (default: full)').choices([
        'full',
        'relaxed',
      ]),
    )
    .option('--cors <origin...>', 'origins of web pages that may send')
    .option('--no-auth', 'listen on other than loopback without a token')
    .option('--tls-cert <file>', 'PEM certificate chain: HTTPS and WSS')
    .option('--tls-key <file>', 'PEM private key')
    .option('--tls-client-ca <file>', 'PEM CA that client certificates need (mTLS)')
    .option('--grace <duration>', 'on SIGTERM, what is still open after this is cut (default: 10s)')
    .option('--per-message-deflate', 'compress WebSocket messages')
    .option('--pipeline <file...>', 'run these pipelines beside the gateway')
    .option('--jobs <file>', 'run scheduled jobs beside the gateway')
    .addHelpText('after', help)
    .action(() => serve(command))
}

async function serve(command: Command): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions & Record<string, unknown>>()
  const [{ loadConfig }, { checkStoreUrl }, { startGateway }, { createServerLog }, { createBeside }] =
    await Promise.all([
      import('../config/load.ts'),
      import('../backend/guest.ts'),
      import('../../gateway/main.node.ts'),
      import('../server-log.ts'),
      import('../serve/beside.ts'),
    ])
  // a signal that comes while it starts is not lost
  const signals = onSignals()
  const stop = stopSignal(signals)
  const { pipeline = [], jobs } = options as { pipeline?: string[]; jobs?: string }
  const { config } = await loadConfig({ file: options.config, flags: flagsOf(options) })
  await checkStoreUrl(config.store)
  const log = createServerLog(config.log_level)
  const beside = createBeside({ config, pipelines: pipeline, jobsFile: jobs, log })
  const gateway = await startGateway(config, {
    log,
    version: version(),
    jobs: beside.jobs,
    moreMetrics: beside.metrics,
  })
  await beside.start().catch(async error => {
    await gateway.stop()
    throw error
  })
  const { url, grpcUrl } = gateway
  process.stdout.write(`millrace: listening on ${url}\nmillrace: gRPC on ${grpcUrl}\n${hints(url, config.store)}`)
  if (pipeline.length > 0) signals.onReload(() => beside.reload())
  if (!stop.aborted) await once(stop, 'abort')
  // what is still coming in is stored first
  await gateway.stop()
  await beside.stop(String(stop.reason))
}

function flagsOf(options: Record<string, unknown>): Flags {
  return Object.fromEntries(
    Object.entries(keys).map(([name, key]) => {
      // commander gives --no-auth as auth: false
      if (name === 'auth') return [key, ['--no-auth', options.auth === false ? true : undefined]]
      return [key, [`--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`, options[name]]]
    }),
  )
}

/** Lines that work as they are printed: send one event, look at it. */
function hints(url: string, store: string): string {
  const look = store.startsWith('sqlite:')
    ? `  sqlite3 ${store.slice('sqlite:'.length)} "select insert_datetime, payload from events"\n`
    : `  curl ${url}/v1/streams\n`
  return `  curl ${url}/ --data-binary '{"hello":"world"}'\n${look}`
}
