import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * A TCP proxy whose connections break on demand:
 *
 *   reset  both ends at once
 *   end    the client's end is closed in good order, in the middle of whatever was being said
 *   deaf   what the gateway answers no longer arrives: it stores, and the client does not learn of it
 *   part   half of the next piece that the client sends still passes
 *   late   the gateway gets what the client sent last only after the client's end broke
 *   stall  nothing passes any more in either direction, and nobody is told: a half-open connection
 */
export const cuts = ['reset', 'end', 'deaf', 'part', 'late', 'stall'] as const
export type Cut = (typeof cuts)[number]

/** milliseconds from the cut to the break of each end at the latest; a stalled connection is for the client to find out */
const breakAfter: Record<Cut, { client: number; gateway: number } | undefined> = {
  reset: { client: 0, gateway: 0 },
  end: { client: 0, gateway: 0 },
  deaf: { client: 60, gateway: 60 },
  part: { client: 60, gateway: 60 },
  late: { client: 30, gateway: 150 },
  stall: undefined,
}

export interface CuttingProxy {
  port: number
  /** connections that the gateway has taken, all in all */
  readonly connections: number
  /** connections on which the gateway has answered, now */
  readonly answered: number
  /** Cuts one of the open connections, `pick` of 0 to 1 says which, and how soon it breaks. False where there is none. */
  cut(how: Cut, pick: number): boolean
  close(): Promise<void>
}

export function cuttingProxy(gatewayPort: number): Promise<CuttingProxy> {
  const open = new Set<{ answered: boolean; cut(how: Cut, soon: number): void }>()
  const sockets = new Set<Socket>()
  let connections = 0

  function track(socket: Socket): Socket {
    sockets.add(socket)
    // whatever went wrong, 'close' follows
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }

  const server = createServer({ noDelay: true }, socket => {
    const client = track(socket)
    const gateway = track(connect({ port: gatewayPort, host: '127.0.0.1', noDelay: true }))
    const pair = { answered: false, cut }
    let how: Cut | undefined
    /** what the gateway gets before its end breaks */
    let last: Buffer = Buffer.alloc(0)
    gateway.once('connect', () => {
      connections++
      open.add(pair)
    })

    pass(client, gateway, chunk => {
      if (how === undefined || how === 'deaf') return true
      if (how === 'late') last = Buffer.concat([last, chunk])
      if (how === 'part' && last.length === 0) last = chunk.subarray(0, chunk.length >> 1)
      return false
    })
    pass(gateway, client, () => {
      pair.answered = true
      return how === undefined
    })
    client.on('close', () => {
      open.delete(pair)
      // a stalled one, too, is over once the client gave it up
      if (how === undefined || how === 'stall') gateway.destroy()
    })
    gateway.on('close', () => {
      open.delete(pair)
      if (how === undefined) client.destroy()
    })

    function cut(chosen: Cut, soon: number): void {
      how = chosen
      open.delete(pair)
      const after = breakAfter[chosen]
      if (after === undefined) return
      setTimeout(() => (chosen === 'end' ? client.end() : client.resetAndDestroy()), after.client).unref()
      setTimeout(() => gateway.destroyed || gateway.end(last, () => gateway.destroy()), between(after, soon)).unref()
    }
  })

  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        get connections() {
          return connections
        },
        get answered() {
          return [...open].filter(({ answered }) => answered).length
        },
        cut(how, pick) {
          const chosen = [...open][Math.floor(pick * open.size)]
          chosen?.cut(how, (pick * 7) % 1)
          return chosen !== undefined
        },
        close() {
          for (const socket of sockets) socket.destroy()
          return new Promise(done => server.close(() => done()))
        },
      }),
    )
  })
}

/** From the break of the client's end to the last moment of the gateway's: a client may be back before it, or after it. */
const between = ({ client, gateway }: { client: number; gateway: number }, at: number) =>
  client + (gateway - client) * at

/** Like `pipe`, but for what `mayPass` keeps; a slow reader slows the writer. */
function pass(from: Socket, to: Socket, mayPass: (chunk: Buffer) => boolean): void {
  from.on('data', chunk => {
    if (!mayPass(chunk) || to.destroyed || to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
}
