import { freePort, type RunningGateway, startGateway, tempDir } from '../../support/gateway.ts'
import { post } from '../../support/http.ts'
import { query } from '../stored.ts'
import { type Collector, type Exporter, exporters, startCollector } from './collector.ts'

/**
 * `npm run otlp:collector [KILLS]`: a Collector with its retry queue on sends while the gateway is killed (SIGKILL) and
 * started again. Prints what was sent, stored, stored twice and lost, per exporter; exit 1 where anything was lost.
 */

const kills = Number(process.argv[2] ?? 10)
const rowsPerRequest = 20
const requestEveryMs = 5
/** for the queues to run empty after the last kill */
const patienceMs = 120_000

const transports: Record<Exporter, string> = { otlp: 'otlp-grpc', otlphttp: 'otlp-http' }
const sleep = (ms: number) => new Promise(next => setTimeout(next, ms))

const dir = tempDir()
const store = `${dir.path}/a.db`
const ports = { http: await freePort(), grpc: await freePort() }
const start = () =>
  startGateway([
    '--store',
    `sqlite:${store}`,
    '--port',
    `${ports.http}`,
    '--grpc-port',
    `${ports.grpc}`,
    '--log-level',
    'warn',
  ])

let gateway: RunningGateway = await start()
const collector = await startCollector(dir.path, gateway)
const stop = new AbortController()
const sending = send(collector, stop.signal)
for (let i = 0; i < kills; i++) {
  await sleep(500 + Math.random() * 2000)
  await gateway.end('SIGKILL')
  await sleep(Math.random() * 1500)
  gateway = await start()
}
await sleep(1000)
stop.abort()
const sent = await sending
await untilSent(collector, sent)
const failed = await collector.counter('otelcol_exporter_send_failed_log_records')
await collector.end()
await gateway.end()

const report = exporters.map(exporter => ({ exporter, ...judge(exporter, sent), given_up: failed[exporter] }))
process.stdout.write(`${JSON.stringify({ kills, sent, exporters: report })}\n`)
const whole = report.every(({ missing, strange, given_up }) => missing === 0 && strange === 0 && given_up === 0)
if (whole) dir.remove()
else process.stderr.write(`the store is kept in ${dir.path}\n`)
process.exitCode = whole ? 0 : 1

/** Rows 0, 1, 2… until it is told to stop; resolves with their count. Only what the Collector has acknowledged counts. */
async function send({ url }: Collector, signal: AbortSignal): Promise<number> {
  let next = 0
  while (!signal.aborted) {
    const logRecords = Array.from({ length: rowsPerRequest }, (_, i) => ({
      timeUnixNano: String(next + i + 1),
      body: { stringValue: `row ${next + i}` },
    }))
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
    const { status, body: answer } = await post(`${url}/v1/logs`, body, { 'content-type': 'application/json' })
    if (status !== 200) throw new Error(`the collector answers ${status}: ${answer}`)
    next += rowsPerRequest
    await sleep(requestEveryMs)
  }
  return next
}

/** What the gateway has acknowledged to the Collector is what the Collector counts as sent. */
async function untilSent(collector: Collector, rows: number): Promise<void> {
  const end = Date.now() + patienceMs
  for (;;) {
    const counts = await collector.counter('otelcol_exporter_sent_log_records')
    if (exporters.every(exporter => counts[exporter] >= rows)) return
    if (Date.now() > end)
      throw new Error(`after ${patienceMs} ms it has sent ${JSON.stringify(counts)} of ${rows}: ${collector.log()}`)
    await sleep(200)
  }
}

function judge(
  exporter: Exporter,
  rows: number,
): { stored: number; duplicates: number; missing: number; strange: number } {
  const bodies = query(
    store,
    'select body from otlp_logs join streams using (stream_id) where transport = ?',
    transports[exporter],
  ).map(({ body }) => String(body))
  const distinct = new Set(bodies)
  let found = 0
  for (let i = 0; i < rows; i++) if (distinct.has(`row ${i}`)) found++
  return {
    stored: bodies.length,
    duplicates: bodies.length - distinct.size,
    missing: rows - found,
    strange: distinct.size - found,
  }
}
