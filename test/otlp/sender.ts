import { spawn } from 'node:child_process'
import { prepareSender, type SenderName } from '../../infra/otlp-senders.ts'

/** What a sender prints: what only its SDK knows. */
export interface Sent {
  /** ids of the spans by name */
  spans: Record<string, { trace_id: string; span_id: string }>
  /** the points of each export of metrics, as rows of their tables; 64-bit integers as texts */
  exports: { table: string; row: Record<string, unknown> }[][]
}

/** What its exporter made of each of three requests. */
export interface Batches {
  batches: { ok: boolean; error?: string }[]
}

export interface Way {
  protocol: 'http/protobuf' | 'http/json' | 'grpc'
  compression?: 'gzip'
  temporality?: 'delta'
}

export const nameOf = ({ protocol, compression, temporality }: Way) =>
  [protocol, compression, temporality].filter(Boolean).join(', ')

/** Runs the program as a user would: everything about the gateway is in OTEL_EXPORTER_OTLP_*. */
export async function runSender<T extends Sent | Batches>(
  language: SenderName,
  mode: 'all' | 'batches',
  endpoint: string,
  { protocol, compression, temporality }: Way,
  headers = '',
): Promise<T> {
  const [command, ...args] = await prepareSender(language)
  const child = spawn(command, [...args, mode, nameOf({ protocol, compression, temporality })], {
    env: {
      ...withoutOtel(process.env),
      NO_PROXY: '127.0.0.1',
      PYTHONDONTWRITEBYTECODE: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      // not every exporter takes `none`, which the specification knows
      ...(compression === undefined ? {} : { OTEL_EXPORTER_OTLP_COMPRESSION: compression }),
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality ?? 'cumulative',
      OTEL_EXPORTER_OTLP_HEADERS: headers,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let said = ''
  child.stdout.on('data', data => (out += data))
  child.stderr.on('data', data => (said += data))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`the ${language} sender ended with ${code}: ${said}`)
  return JSON.parse(out) as T
}

/** What the user who runs the tests has set for other programs. */
const withoutOtel = (env: NodeJS.ProcessEnv) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OTEL_')))
