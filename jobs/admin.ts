import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { prometheusMediaType } from '../core/telemetry/prometheus.ts'
import type { PipelineReport } from './main.ts'
import { pipelineMetricsText } from './metrics.ts'

/** `--admin`: liveness, readiness, metrics and the state of pipelines over HTTP, without tokens: bind it to loopback. */
export interface Admin {
  url: string
  close(): Promise<void>
}

/** `status` gives undefined until the pipelines run. */
export async function startAdmin(
  status: () => readonly PipelineReport[] | undefined,
  host: string,
  port: number,
): Promise<Admin> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
    // what is no URL is no path of ours
    const pathname = (request.url ?? '/').split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') return void answer(405, 'text/plain', 'only GET\n')
    switch (pathname) {
      case '/healthz':
        return void answer(200, 'text/plain', 'ok\n')
      case '/readyz': {
        const reports = status()
        if (reports === undefined) return void answer(503, 'text/plain', 'the pipelines are being read\n')
        const bad = reports.filter(({ state }) => state === 'degraded' || state === 'failed')
        if (bad.length === 0) return void answer(200, 'text/plain', 'ok\n')
        return void answer(
          503,
          'text/plain',
          bad.map(({ info, state, error }) => `${info.name} ${state}${error === null ? '' : `: ${error}`}\n`).join(''),
        )
      }
      case '/metrics':
        return void answer(200, prometheusMediaType, pipelineMetricsText(status() ?? []))
      case '/pipelines':
        return void answer(200, 'application/json', `${JSON.stringify(status() ?? [], null, 2)}\n`)
      default:
        return void answer(404, 'text/plain', 'there are /healthz, /readyz, /metrics and /pipelines\n')
    }
  })
  await listen(server, host, port)
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close() {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(new Error(`cannot listen on ${host}:${port} for --admin: ${error.message}`)))
    server.listen(port, host, () => resolve())
  })
}
