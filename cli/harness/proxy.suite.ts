import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What becomes of one connection: all fine, refused, or cut after so many bytes in one direction. */
export type Fate = 'fine' | 'refuse' | { cutRequestAt: number } | { cutAnswerAt: number }

/** A TCP proxy in front of a gateway that breaks connections, one fate after the other, then `fine`. */
export async function startProxy(target: () => number, fates: Fate[]) {
  const open = new Set<Socket>()
  const server = createServer(client => {
    const fate = fates.shift() ?? 'fine'
    if (fate === 'refuse') {
      client.destroy()
      return
    }
    const gateway = connect(target(), '127.0.0.1')
    const cut = () => {
      client.destroy()
      gateway.destroy()
    }
    for (const socket of [client, gateway]) {
      open.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        open.delete(socket)
        cut()
      })
    }
    pass(client, gateway, typeof fate === 'object' && 'cutRequestAt' in fate ? fate.cutRequestAt : undefined, cut)
    pass(gateway, client, typeof fate === 'object' && 'cutAnswerAt' in fate ? fate.cutAnswerAt : undefined, cut)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** cuts all connections that are open */
    cutAll() {
      for (const socket of open) socket.destroy()
    },
    close() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

/** Passes bytes on; after `limit` of them the connection is cut. */
function pass(from: Socket, to: Socket, limit: number | undefined, cut: () => void): void {
  let left = limit ?? Number.POSITIVE_INFINITY
  from.on('data', chunk => {
    if (chunk.length < left) {
      left -= chunk.length
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    } else {
      to.write(chunk.subarray(0, left), cut)
    }
  })
}
