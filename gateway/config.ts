import * as z from 'zod'
import { limits as wire } from '../core/protocol.ts'
import { parseDuration, parseSize } from '../core/units.ts'

/**
 * The one schema of `millrace.yaml`. Defaults and descriptions are here and nowhere else; tables and help are made
 * from them. Parsed durations are milliseconds and parsed sizes are bytes, under the same names.
 */

/** `10s`, `500ms`, `5m`, or seconds; parsed to milliseconds. */
const duration = z.union([z.string(), z.number()]).transform((value, issues) => {
  const ms = parseDuration(value)
  if (ms !== undefined) return ms
  issues.addIssue({ code: 'custom', message: `expected a duration such as 500ms, 10s or 5m, got ${quote(value)}` })
  return z.NEVER
})

/** `256MiB`, `1MB`, or bytes; parsed to bytes. */
const size = z.union([z.string(), z.number()]).transform((value, issues) => {
  const bytes = parseSize(value)
  if (bytes !== undefined && bytes > 0) return bytes
  issues.addIssue({ code: 'custom', message: `expected a size such as 16KiB, 1MB or 256MiB, got ${quote(value)}` })
  return z.NEVER
})

const port = z.int().min(0).max(65535)

const origin = z
  .string()
  .regex(/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/, 'expected an exact origin such as https://app.example, without a path')

const tls = z
  .strictObject({
    cert: z.string().min(1).optional().describe('PEM file with the certificate chain'),
    key: z.string().min(1).optional().describe('PEM file with the private key'),
    client_ca: z.string().min(1).optional().describe('PEM file with the CA that client certificates need (mTLS)'),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: 'cert and key go together: set both or neither',
  })
  .refine(({ cert, client_ca }) => client_ca === undefined || cert !== undefined, {
    message: 'client_ca needs cert and key',
  })

const limits = z.strictObject({
  body: size.prefault('256MiB').describe('largest request body, once inflated; a size'),
  event: size.prefault('16MiB').describe('largest event; a size'),
  depth: z
    .int()
    .min(1)
    .max(wire.depth)
    .default(wire.depth)
    .describe(`deepest nesting of an event, at most ${wire.depth} (SQLite's JSON functions stop at 1,000)`),
  headers: size.prefault('16KiB').describe('all request headers together; a size'),
  queue: size.prefault('64MiB').describe('events that wait for their commit, before senders are slowed down; a size'),
  sockets: z.int().min(1).default(20_000).describe('connections open at once'),
})

const query = z.strictObject({
  timeout: duration.prefault('10s').describe('a query is killed after this; a duration'),
  memory: size.prefault('256MiB').describe('a query is killed above this; a size'),
  rows: z.int().min(1).default(10_000).describe('rows of a result before it is cut'),
})

const gateway = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; other than loopback needs a token'),
  port: port.default(4318).describe('HTTP and WebSocket; 0 picks a free one'),
  grpc_port: port
    .optional()
    .describe('OTLP and OTAP over gRPC; 0 picks a free one; default 4317, or 0 where port is 0'),
  cors: z.array(origin).default([]).describe('exact origins of web pages that may send, such as https://app.example'),
  no_auth: z.boolean().default(false).describe('listen on other than loopback without a token'),
  grace: duration.prefault('10s').describe('on SIGTERM, what is still open after this is cut; a duration'),
  per_message_deflate: z.boolean().default(false).describe('compress WebSocket messages'),
  heartbeat: duration.prefault('30s').describe('silence after which a socket is pinged; a duration'),
  stall_timeout: duration.prefault('10s').describe('a commit that takes longer is answered with 503; a duration'),
  tls: tls.prefault({}).describe('HTTPS and WSS, where cert and key are set'),
  limits: limits.prefault({}).describe('what one request, socket or process may use'),
  query: query.prefault({}).describe('what one query may use'),
})

const otlp = z.strictObject({
  promote_resource_attributes: z
    .array(z.string().min(1))
    .default([])
    .describe('resource attributes with a column of their own in every table: a.b becomes resource_attr_a_b'),
})

export const configSchema = z.strictObject({
  store: z
    .string()
    .min(1)
    .default('sqlite:./millrace.db')
    .describe('where events are kept: sqlite:PATH, memory: or postgres://USER:PASSWORD@HOST/DATABASE'),
  durability: z
    .enum(['full', 'relaxed'])
    .default('full')
    .describe('relaxed acknowledges before the disk has synced: a power cut may lose the last events'),
  log_level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('least severe log line that is written'),
  gateway: gateway.prefault({}).describe('the event gateway'),
  otlp: otlp.prefault({}).describe('OpenTelemetry data'),
})

export type Config = z.infer<typeof configSchema>
export type GatewayConfig = Config['gateway']

function quote(value: string | number): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
