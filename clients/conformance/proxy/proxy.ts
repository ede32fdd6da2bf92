import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createFaults, type Fault, type Kind } from './faults.ts'
import { createLink, type Link } from './link.ts'
import type { Unit } from './units.ts'

/** What the proxy saw, for expectations and for the reader of a failure. */
export interface Seen {
  /** milliseconds */
  at: number
  /** number of the connection, from 1 */
  connection: number
  side: Unit['side']
  kind: Unit['kind'] | 'connection'
  /** of those of its kind, from 1; on all connections */
  number: number
  start: string
  headers: Record<string, string>
  text: string
  /** what the proxy did to it */
  fault: string | undefined
}

/**
 * `normal`; `cut`: all connections break now; `refuse`: new ones too; `half_open`: the present ones stay and carry nothing;
 * `dead`: new ones neither; `release`: what was held goes up.
 */
export type Network = 'normal' | 'cut' | 'refuse' | 'half_open' | 'dead' | 'release'

export type FaultProxy = Awaited<ReturnType<typeof startProxy>>

/** Stands between client and gateway at an address that outlives the gateway. `gateway`: its URL, undefined while it is down. */
export async function startProxy(gateway?: string) {
  const faults = createFaults()
  const links = new Map<Link, Socket[]>()
  const seen: Seen[] = []
  let target = gateway
  let connections = 0
  let network: Network = 'normal'

  const server = createServer({ noDelay: true }, client => {
    const number = ++connections
    const fault = faults.next('connection')
    const met = { side: 'up', kind: 'connection', start: 'TCP', headers: new Map(), text: '' } as const
    seen.push(sight(number, number, met, fault))
    client.on('error', () => {}) // 'close' follows
    if (network === 'refuse' || target === undefined || fault?.cut !== undefined) return void client.resetAndDestroy()
    const { hostname, port } = new URL(target)
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true })
    const link = createLink(client, upstream, faults, (unit, done) =>
      seen.push(sight(number, unit.kind === 'other' ? 0 : faults.count(unit.kind), unit, done)),
    )
    if (network === 'dead' || fault?.swallow) link.mode = 'swallow'
    links.set(link, [client, upstream])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }

  function change(to: Network): void {
    for (const [link, sockets] of links) {
      if (to === 'cut' || to === 'refuse') link.cut()
      else if (to === 'release') link.release()
      else if (to !== 'normal' && sockets.every(socket => !socket.destroyed)) link.mode = 'swallow'
    }
    if (to !== 'release') network = to === 'cut' || to === 'half_open' ? 'normal' : to
  }

  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    /** The gateway has started anew elsewhere, or is down. */
    retarget(url: string | undefined) {
      target = url
    },
    change,
    addFaults: (...more: Fault[]) => faults.add(...more),
    /** How many of a kind have come, on all connections. */
    count: (kind: Kind) => (kind === 'connection' ? connections : faults.count(kind)),
    async close() {
      server.close()
      for (const sockets of links.values()) for (const socket of sockets) socket.destroy()
      if (server.listening) await once(server, 'close')
    },
  }
}

function sight(
  connection: number,
  number: number,
  { side, kind, start, headers, text }: Omit<Unit, 'raw' | 'isFrame' | 'kind'> & { kind: Seen['kind'] },
  fault: Fault | undefined,
): Seen {
  const done = Object.keys(fault ?? {}).filter(name => !['on', 'nth', 'times'].includes(name))
  const named = Object.fromEntries(headers)
  return {
    at: Date.now(),
    connection,
    number,
    side,
    kind,
    start,
    headers: named,
    text,
    fault: done.join(', ') || undefined,
  }
}
