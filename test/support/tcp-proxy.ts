import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server that a test can cut, hold up, or close. */
export interface TcpProxy {
  /** on 127.0.0.1 */
  port: number
  /** Resets all connections; new ones are taken. */
  cut(): void
  /** Resets each connection once so many more bytes went to the server, and does not hand on the rest; 0: at once. */
  cutAfter(bytes: number): void
  /** Resets each connection once the server has sent so many more bytes, of which none are handed on. */
  cutAnswerAfter(bytes: number): void
  /** Hands nothing on, in both directions, until `resume`; nobody is told. */
  hold(): void
  resume(): void
  /** Refuses new connections, and resets those that are. */
  refuse(): void
  accept(): void
  close(): Promise<void>
}

/** `target`: `host:port`, or its port on 127.0.0.1 */
export async function openTcpProxy(target: string | number): Promise<TcpProxy> {
  const [host, port] = typeof target === 'number' ? ['127.0.0.1', target] : hostOf(target)
  const pairs = new Set<readonly [Socket, Socket]>()
  let isRefusing = false
  let isHeld = false
  let upLeft = Number.POSITIVE_INFINITY
  let downLeft = Number.POSITIVE_INFINITY

  const reset = () => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy()
  }
  const server = createServer(near => {
    if (isRefusing) {
      near.resetAndDestroy()
      return
    }
    const far = connect(port, host)
    const pair = [near, far] as const
    pairs.add(pair)
    for (const socket of pair) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.once('close', () => {
        pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
      if (isHeld) socket.pause()
    }
    near.on('data', data => {
      upLeft -= data.length
      if (upLeft >= 0) pass(near, far, data)
      else {
        upLeft = Number.POSITIVE_INFINITY
        reset()
      }
    })
    far.on('data', data => {
      downLeft -= data.length
      if (downLeft >= 0) pass(far, near, data)
      else {
        downLeft = Number.POSITIVE_INFINITY
        reset()
      }
    })
    near.on('end', () => far.end())
    far.on('end', () => near.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    port: (server.address() as AddressInfo).port,
    cut: reset,
    cutAfter(bytes) {
      if (bytes === 0) reset()
      else upLeft = bytes
    },
    cutAnswerAfter(bytes) {
      downLeft = bytes
    },
    hold() {
      isHeld = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    resume() {
      isHeld = false
      for (const pair of pairs) for (const socket of pair) socket.resume()
    },
    refuse() {
      isRefusing = true
      reset()
    },
    accept() {
      isRefusing = false
    },
    async close() {
      reset()
      server.close()
      await once(server, 'close')
    },
  }
}

function pass(from: Socket, to: Socket, data: Buffer): void {
  if (to.write(data)) return
  from.pause()
  to.once('drain', () => from.resume())
}

function hostOf(target: string): [string, number] {
  const { hostname, port } = new URL(`tcp://${target}`)
  return [hostname, Number(port)]
}
