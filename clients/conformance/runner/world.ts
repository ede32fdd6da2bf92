import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from '../../../test/support/gateway.ts'
import type { Case, TransportName } from '../case/case.ts'
import { type FaultProxy, startProxy } from '../proxy/proxy.ts'
import { type Adapter, type Answer, type Command, startAdapter } from './adapter.ts'
import { within } from './deadline.ts'
import { createGateway, type TestGateway } from './gateway.ts'
import { readStreams } from './streams.ts'

export interface Stats {
  key: string
  taken: number
  acked: number
  pending: number
  dropped: Record<string, number>
  [name: string]: unknown
}

export interface Report {
  type: string
  [name: string]: unknown
}

/** All that one case needs: a gateway, the proxy before it, the client's process, the folder of its spool. */
export interface World {
  proxy: FaultProxy
  gateway: TestGateway
  streams: ReturnType<typeof readStreams>
  transport: TransportName
  spool: string
  /** the key under which the gateway knows a stream of the case; a shared gateway has those of many cases */
  keyOf(stream: string): string
  /** and back */
  nameOf(key: string): string
  adapter(): Adapter
  start(): void
  /** One operation of the client; rejects where its process does not answer. */
  call(op: string, parameters?: Record<string, unknown>): Promise<Answer>
  /** Also proves what holds at every moment (7.5). */
  stats(): Promise<Stats>
  /** all that the client has reported since it was started */
  reports(): Promise<Report[]>
  close(): Promise<void>
}

let number = 0

export async function createWorld(
  given: Case,
  command: Command,
  transport: TransportName,
  shared: TestGateway,
): Promise<World> {
  const { setup } = given
  const isOwn = needsOwn(given)
  const prefix = isOwn ? '' : `${++number}~`
  const gateway = isOwn ? await createGateway(setup.gateway, setup.tokens) : shared
  const streams = readStreams(gateway)
  const proxy = await startProxy(gateway.url())
  const folder = tempDir()
  const spool = join(folder.path, 'spool')
  let adapter: Adapter | undefined
  let told: Report[] = []

  const world: World = {
    proxy,
    gateway,
    streams,
    transport,
    spool,
    keyOf: stream => prefix + stream,
    nameOf: key => (key.startsWith(prefix) ? key.slice(prefix.length) : key),
    adapter: running,
    start() {
      told = []
      adapter = startAdapter(command)
    },
    call: (op, parameters) =>
      within(10_000 + Number(parameters?.timeout_ms ?? 0), `${op} is not answered`, running().call(op, parameters)),
    async stats() {
      const { stats } = must(await world.call('stats')) as { stats?: Stats }
      return balanced(stats!)
    },
    async reports() {
      const { events } = must(await world.call('events')) as { events?: Report[] }
      told.push(...events!)
      return told
    },
    async close() {
      await adapter?.kill()
      await proxy.close()
      if (isOwn) await gateway.remove()
      folder.remove()
    },
  }

  function running(): Adapter {
    if (adapter === undefined) throw new Error('no client runs')
    return adapter
  }

  proxy.addFaults(...setup.faults)
  writeSpool(spool, setup.spool)
  for (const [stream, { events, epoch }] of Object.entries(setup.streams))
    await streams.produce(world.keyOf(stream), events, epoch)
  return world
}

export function must(answer: Answer): Record<string, unknown> {
  if (answer.ok) return answer
  throw new Error(`the client failed: ${answer.code}: ${answer.message}`)
}

function balanced(stats: Stats): Stats {
  const { taken, acked, pending, dropped } = stats
  const { drop_oldest = 0, bad_event = 0, closed = 0 } = dropped
  if (taken === acked + pending + drop_oldest + bad_event + closed) return stats
  throw new Error(`taken is not acknowledged + pending + dropped (7.5): ${JSON.stringify(stats)}`)
}

export function writeSpool(folder: string, files: Record<string, string>): void {
  if (Object.keys(files).length > 0) mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    rmSync(join(folder, name), { force: true })
    writeFileSync(join(folder, name), text)
  }
}

/** Limits, tokens and restarts are the gateway's own business; streams can be many on one. */
function needsOwn({ setup, steps }: Case): boolean {
  return (
    setup.gateway !== undefined ||
    Object.keys(setup.tokens).length > 0 ||
    steps.some(({ verb }) => verb === 'gateway' || verb === 'token')
  )
}
