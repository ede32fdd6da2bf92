import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buildGo, noGo } from '../integrity/clients/go.ts'
import { freePort, tempDir } from '../support/gateway.ts'
import { common, compare, defineBenchmark, note, type Report } from './harness/benchmark.ts'
import { startGateway } from './harness/gateway.ts'
import { own, runWorker, startWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { checkStored } from './harness/stored.ts'
import type { Workdir } from './harness/workdir.ts'
import type { ClientBacklogResult } from './load/client-backlog.ts'
import type { ClientCostResult } from './load/client-cost.ts'
import type { ClientSendResult } from './load/client-load.ts'

const options = {
  rounds: common.rounds,
  /** of a round, after a quarter as many that do not count */
  events: 1_000_000,
  /** held while no gateway is there */
  backlog: 1_000_000,
  /** of 1,000 calls each */
  blocks: 500,
}
type Options = typeof options

/** Runs one mode of a language's program in a process of its own. */
type Run = <Result>(mode: 'send' | 'bare' | 'backlog', config: object) => Promise<Result>

export const benchmark = defineBenchmark({
  about: 'the client libraries ÷ a bare WebSocket loop; their memory while the gateway is away; what a call costs',
  options,
  async run(chosen, workdir) {
    const languages: [string, Run][] = [['ts', (mode, config) => runWorker(`load/client-${mode}.ts`, config)]]
    const without = noGo()
    if (without === undefined) languages.push(['go', goRun()])
    else note(`no Go client: ${without}`)
    const reports: Report[] = []
    for (const [language, run] of languages) {
      reports.push(await throughput(language, run, chosen, workdir), await memory(language, run, chosen))
    }
    return [
      ...reports,
      await cost('client cost', false, chosen, workdir),
      await cost('client cost with file spool', true, chosen, workdir),
    ]
  },
})

async function throughput(language: string, run: Run, { rounds, events }: Options, workdir: Workdir): Promise<Report> {
  const load = { warm: events >> 2, events }
  const { ours, reference } = await alternate(rounds, {
    async ours() {
      const gateway = await startGateway({ dir: workdir.fresh() })
      const result = await run<ClientSendResult>('send', { ...load, port: gateway.port })
      await gateway.stop()
      checkStored(gateway.store, result.acked)
      if (result.acked !== load.warm + events) throw new Error(`${result.acked} events were acknowledged`)
      return result
    },
    async reference() {
      const server = startWorker('reference/client-count.ts', load)
      const { port } = await server.message<{ port: number }>()
      const result = await run<ClientSendResult>('bare', { ...load, port })
      await server.stop()
      return result
    },
  })
  return compare({
    bench: `client throughput ${language}`,
    unit: 'events/s',
    bar: 0.5,
    ours: ours.map(one => one.eventsPerSecond),
    reference: reference.map(one => one.eventsPerSecond),
    detail: {
      events,
      verified_events: ours.map(one => one.acked),
      sender_cpu: { ours: ours.map(one => one.cpu), reference: reference.map(one => one.cpu) },
    },
  })
}

async function memory(language: string, run: Run, { rounds, backlog }: Options): Promise<Report> {
  const results: ClientBacklogResult[] = []
  for (let round = 0; round < rounds; round++)
    results.push(await run('backlog', { events: backlog, port: await freePort() }))
  return compare({
    bench: `client backlog ${language}`,
    unit: 'MB',
    lowerIsBetter: true,
    ours: results.map(one => one.grown / 1e6),
    reference: results.map(one => one.text / 1e6),
    detail: { events: backlog },
  })
}

async function cost(bench: string, spooled: boolean, { rounds, blocks }: Options, workdir: Workdir): Promise<Report> {
  const results: ClientCostResult[] = []
  for (let round = 0; round < rounds; round++) {
    const dir = workdir.fresh()
    const gateway = await startGateway({ dir })
    const spool = spooled ? `${dir}/spool` : undefined
    const result = await runWorker<ClientCostResult>('load/client-cost.ts', { port: gateway.port, blocks, spool })
    await gateway.stop()
    checkStored(gateway.store, result.acked)
    results.push(result)
  }
  return compare({
    bench,
    unit: 'µs a call',
    bar: spooled ? undefined : 2,
    lowerIsBetter: true,
    ours: results.map(one => one.median),
    detail: { p99: results.map(one => one.p99), stringify: results.map(one => one.stringify) },
  })
}

function goRun(): Run {
  const dir = tempDir()
  process.on('exit', dir.remove)
  const program = buildGo(new URL('load/client-go/', import.meta.url), dir.path)
  return async <Result>(mode: string, config: object) => {
    const child = spawn(program, [mode, JSON.stringify(config)], { stdio: ['ignore', 'pipe', 'inherit'] })
    own(child)
    let out = ''
    child.stdout.on('data', data => (out += data))
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`the Go program ended with ${code}`)
    return JSON.parse(out) as Result
  }
}
