import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Stands between pages and the gateway: sees requests, and is the network that goes away. */
export interface Network {
  url: string
  /** method and target of each request so far */
  requests: string[]
  /** Breaks all connections, and takes no new ones until `restore`. */
  cut(): void
  restore(): void
  close(): void
}

export async function startProxy(gateway: string): Promise<Network> {
  const to = new URL(gateway)
  const requests: string[] = []
  const open = new Set<Socket>()
  let isCut = false

  const server = createServer(near => {
    if (isCut) return near.destroy()
    const far = connect(Number(to.port), to.hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket)
      // either end may be cut at any time: the other one hears of it by `close`
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
    near.on('data', data => {
      const [, method, target] = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/.exec(data.toString('latin1')) ?? []
      if (method !== undefined) requests.push(`${method} ${target}`)
    })
  })
  const cut = () => {
    isCut = true
    for (const socket of open) socket.destroy()
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    cut,
    restore() {
      isCut = false
    },
    close() {
      cut()
      server.close()
    },
  }
}
