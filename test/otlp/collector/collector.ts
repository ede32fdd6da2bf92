import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { prepareSender } from '../../../infra/otlp-senders.ts'
import { freePort } from '../../support/gateway.ts'
import { ask } from '../../support/http.ts'

/** A Collector that hands on what it receives over both of its exporters, each with a queue and retries without end. */
export interface Collector {
  /** where it takes OTLP/HTTP */
  url: string
  /** a counter of its own, per exporter */
  counter(name: string): Promise<Record<Exporter, number>>
  log(): string
  end(): Promise<void>
}

export const exporters = ['otlp', 'otlphttp'] as const
export type Exporter = (typeof exporters)[number]

export async function startCollector(directory: string, gateway: { url: string; grpcUrl: string }): Promise<Collector> {
  const [command, ...args] = await prepareSender('collector')
  const [port, metricsPort] = [await freePort(), await freePort()]
  const config = `${directory}/collector.yaml`
  writeFileSync(config, configOf(port, metricsPort, gateway))
  const child = spawn(command, [...args, `--config=file:${config}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  // a run that fails leaves no collector behind
  process.on('exit', () => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', data => (said += data))
  const collector = {
    url: `http://127.0.0.1:${port}`,
    async counter(name: string) {
      const { body } = await ask(`http://127.0.0.1:${metricsPort}/metrics`)
      const counts = exporters.map(exporter => {
        const line = new RegExp(`^${name}\\{exporter="${exporter}".*\\} (\\S+)$`, 'm').exec(body)
        return [exporter, Number(line?.[1] ?? 0)]
      })
      return Object.fromEntries(counts) as Record<Exporter, number>
    },
    log: () => said,
    end: () => endOf(child),
  }
  await untilReady(child, () => said.includes('Everything is ready'), collector.log)
  return collector
}

const retries = `
    sending_queue: { enabled: true, num_consumers: 4, queue_size: 100000 }
    retry_on_failure: { enabled: true, initial_interval: 100ms, max_interval: 1s, max_elapsed_time: 0 }`

const configOf = (port: number, metricsPort: number, gateway: { url: string; grpcUrl: string }) => `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } }
exporters:
  otlp:
    endpoint: ${new URL(gateway.grpcUrl).host}
    tls: { insecure: true }${retries}
  otlphttp:
    endpoint: ${gateway.url}${retries}
service:
  pipelines: { logs: { receivers: [otlp], exporters: [otlp, otlphttp] } }
  telemetry: { metrics: { address: "127.0.0.1:${metricsPort}" } }
`

async function untilReady(child: ChildProcess, ready: () => boolean, log: () => string): Promise<void> {
  while (!ready()) {
    if (child.exitCode !== null) throw new Error(`the collector ended with ${child.exitCode}: ${log()}`)
    await new Promise(next => setTimeout(next, 50))
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
