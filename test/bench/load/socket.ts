import { connect, type Socket } from 'node:net'

export interface SocketOptions {
  port: number
  /** `chunk` is valid during the call only */
  onChunk: (chunk: Buffer) => void
  /** the connection is gone, for whatever reason */
  onClose: (reason: string) => void
  /** source address; default the system's choice */
  localAddress?: string
}

// reads are synchronous with their callback, so that all sockets of a generator can share the buffer
const shared = Buffer.allocUnsafe(64 * 1024)

/** A TCP connection to the loopback that reads without allocating. Rejects where it cannot be opened. */
export function openSocket({ port, onChunk, onClose, localAddress }: SocketOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let reason = 'closed by the server'
    const socket = connect({
      host: '127.0.0.1',
      port,
      localAddress,
      noDelay: true,
      onread: {
        buffer: shared,
        callback(length) {
          onChunk(shared.subarray(0, length))
          return true
        },
      },
    })
    socket.on('error', error => {
      reason = error.message
      reject(error)
    })
    socket.on('close', () => onClose(reason))
    socket.once('connect', () => resolve(socket))
  })
}
