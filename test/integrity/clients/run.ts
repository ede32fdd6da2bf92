import { freePort, type RunningGateway, startGateway, tempDir } from '../../support/gateway.ts'
import { createStore, type StoreKind, type TestStore } from '../../support/stores.ts'
import { random } from '../kill/events.ts'
import { type MedianAndWorst, medianAndWorst, within } from '../timing.ts'
import { createFaults, type Faults, shuffled, sleep } from './faults.ts'
import { buildGo } from './go.ts'
import { judge, type Verdict } from './judge.ts'
import { type Lane, type Language, lanesOf } from './lanes.ts'
import { type Producer, startProducer, tsCommand } from './producers.ts'
import { type CuttingProxy, cuttingProxy } from './proxy.ts'

export interface ClientsRunOptions {
  /** of all lanes together */
  events: number
  /** of the gateway, with SIGKILL */
  kills: number
  /** of connections */
  cuts: number
  /** of producers, with SIGKILL */
  clientKills: number
  seed: number
  /** Default sqlite */
  over?: StoreKind
  /** default both */
  languages?: readonly Language[]
  /** changes the lanes before they start */
  prepare?: (lanes: Lane[]) => void
  /** keeps the folder where something was wrong, and names it. Default false */
  keep?: boolean
  onProgress?: (text: string) => void
}

export interface ClientsRun extends Verdict {
  kills: number
  cuts: number
  clientRestarts: number
  /** connections that the gateway took beyond the first one of each lane */
  reconnects: number
  /** events that restarted clients found in their spools */
  resumed: number
  /** events sent again that were stored already, as the last process of each lane counted them */
  duplicates: number
  seconds: number
  /** from the start of a killed gateway to listening again, ms: median and worst */
  recovery: MedianAndWorst
}

/** milliseconds that the clients have for the rest, once the last fault is over */
const patience = 120_000
/** and so long to come back after a fault, before the next one */
const trafficMs = 3000

/**
 * Clients in TypeScript and Go, each with a spool and a ledger, send through a proxy to one gateway. Faults come in seeded
 * order, and before each of them every client gets an equal share of its events, so that it falls into traffic.
 */
export async function clientsRun(options: ClientsRunOptions): Promise<ClientsRun> {
  const { events, kills, cuts, clientKills, seed, over = 'sqlite', languages = ['ts', 'go'], keep = false } = options
  const begun = performance.now()
  const rnd = random(seed)
  const dir = tempDir()
  const producers: Producer[] = []
  let store: TestStore | undefined
  let first: RunningGateway | undefined
  let faults: Faults | undefined
  let proxy: CuttingProxy | undefined
  let wrong = true
  try {
    const go = languages.includes('go') ? buildGo(new URL('go-producer/', import.meta.url), dir.path) : ''
    const port = await freePort()
    store = await createStore(over, dir.path)
    const args = ['--store', store.url, '--port', String(port), '--log-level', 'error']
    first = await startGateway(args)
    proxy = await cuttingProxy(port)
    const share = Math.floor(events / (languages.length * 4))
    const lanes = lanesOf(languages, dir.path, `http://127.0.0.1:${proxy.port}`, share)
    options.prepare?.(lanes)
    for (const lane of lanes) producers.push(startProducer(lane, { ts: tsCommand, go: [go] }))
    const failure = Promise.race(producers.map(one => one.failure))

    faults = createFaults({ gateway: first, args, proxy, producers, rnd })
    const order = shuffled({ kill: kills, cut: cuts, client: clientKills }, rnd)
    for (const [k, fault] of order.entries()) {
      // the others come on top of the last one
      if (rnd() < 0.8) await Promise.race([traffic(proxy, lanes.length), failure])
      for (const one of producers) one.allow(Math.floor((share * (k + 1)) / (order.length + 1)))
      // soon enough to meet what was allowed just now, in its burst or its last batch
      await Promise.race([sleep(rnd() ** 2 * 60), failure])
      await Promise.race([faults.make(fault), failure])
      options.onProgress?.(`${k + 1} of ${order.length} faults: ${fault}`)
    }
    await Promise.race([faults.settled(), failure])
    for (const one of producers) one.allow(share)
    const counted = await within(
      patience,
      'the clients',
      Promise.race([Promise.all(producers.map(one => one.done)), failure]),
    )

    const exit = await faults.gateway().end()
    const verdict = judge(await store.file(), lanes)
    if (exit !== 0) verdict.violations.push(`the gateway ended with ${exit} after SIGTERM`)
    wrong = verdict.violations.length > 0
    if (wrong && keep) verdict.violations.push(`what lies there is kept in ${dir.path}`)
    return {
      ...verdict,
      kills,
      cuts,
      clientRestarts: clientKills,
      reconnects: proxy.connections - lanes.length,
      resumed: counted.reduce((sum, one) => sum + one.found, 0),
      duplicates: counted.reduce((sum, one) => sum + one.duplicates, 0),
      seconds: Math.round((performance.now() - begun) / 1000),
      recovery: medianAndWorst(faults.recoveries),
    }
  } finally {
    for (const one of producers) one.abandon()
    await faults?.settled().catch(() => {})
    ;(faults?.gateway() ?? first)?.child.kill('SIGKILL')
    await proxy?.close()
    await store?.drop()
    if (!wrong || !keep) dir.remove()
  }
}

/** Resolves when most lanes are connected; faults that follow too soon upon each other would meet only clients that wait. */
async function traffic(proxy: CuttingProxy, lanes: number): Promise<void> {
  const deadline = performance.now() + trafficMs
  while (proxy.answered < lanes * 0.75 && performance.now() < deadline) await sleep(5)
}
