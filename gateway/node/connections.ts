import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What a connection was last used for; a symbol is cheaper than a map on every request. */
const last = Symbol('last use')
type Carrier = Socket & { [last]?: ServerResponse | 'upgrade' }

/** Which connections are open, and which of them are in use: Node tells neither of silent ones nor of half headers. */
export interface Connections {
  /** Cuts what carries no request: silent connections, half headers, those that wait for their next request. */
  dropIdle(): void
  /** Cuts everything, WebSockets and TLS handshakes too. */
  destroy(): void
}

/** To be called as soon as a request has its response. */
export function carries(response: ServerResponse): void {
  ;(response.req.socket as Carrier)[last] = response
}

/** A response is still to be sent on this connection, or the rest of its request to be read. */
export function inFlight(socket: Socket): boolean {
  const use = (socket as Carrier)[last]
  if (use === undefined || use === 'upgrade') return use === 'upgrade'
  return !use.destroyed && !(use.writableFinished && use.req.complete)
}

export function trackConnections(server: Server): Connections {
  /** over TLS both the socket that was accepted and the one above it that carries HTTP */
  const open = new Set<Socket>()
  const add = (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  }
  server.on('connection', add)
  server.on('secureConnection', add)
  server.on('upgrade', (_request, socket: Carrier) => {
    socket[last] = 'upgrade'
  })

  return {
    dropIdle() {
      const used = new Set<string>()
      for (const socket of open) if (inFlight(socket)) used.add(peer(socket))
      for (const socket of open) if (!used.has(peer(socket))) socket.destroy()
    },
    destroy() {
      for (const socket of open) socket.destroy()
    },
  }
}

const peer = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`
