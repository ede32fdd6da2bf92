/**
 * A WebSocket server that only counts: all frames are as long as the first one. It says a word when it has `warm`
 * messages, and one when it has all.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { endWithParent, tell, workerConfig } from '../load/worker.ts'

export interface ClientCountConfig {
  warm: number
  events: number
}

const { warm, events } = workerConfig<ClientCountConfig>()
/** a text message `ok` */
const word = Buffer.from([0x81, 2, 0x6f, 0x6b])

endWithParent()
const server = createServer()
server.on('upgrade', (request, socket: Socket, head: Buffer) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let bytes = 0
  let frame = 0
  let said = 0
  const take = (chunk: Buffer) => {
    if (frame === 0) frame = frameLength(chunk)
    bytes += chunk.length
    for (const mark of [warm, warm + events].slice(said)) {
      if (bytes < mark * frame) break
      said++
      socket.write(word)
    }
  }
  if (head.length > 0) take(head)
  socket.on('data', take)
  // the sender ends as it likes
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }))

/** Masked, with a length of 126 to 65,535 (RFC 6455 section 5.2). */
function frameLength(chunk: Buffer): number {
  if (chunk.length < 4 || (chunk[1]! & 0x7f) !== 126) throw new Error('the first frame is not as an event makes it')
  return chunk.readUInt16BE(2) + 8
}
