/**
 * A server that looks at none of what it gets: what is left is the generators' own ceiling.
 * POSTs: all requests of a connection are as long as the first one, and each gets the same short answer.
 * WebSockets: all frames are as long as the first one; the count of their events is the ack, once per read.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { endWithParent, tell, workerConfig } from '../load/worker.ts'

export interface SinkConfig {
  kind: 'post' | 'ws'
  /** of one WebSocket frame */
  events?: number
}

const { kind, events = 1 } = workerConfig<SinkConfig>()

const answers = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1')

function takePosts(socket: Socket): void {
  let requestBytes = 0
  let pending = 0
  socket.on('data', chunk => {
    if (requestBytes === 0) {
      const head = chunk.indexOf('\r\n\r\n') + 4
      requestBytes = head + Number(/content-length: (\d+)/i.exec(chunk.toString('latin1', 0, head))?.[1])
    }
    pending += chunk.length
    for (; pending >= requestBytes; pending -= requestBytes) socket.write(answers)
  })
}

/** bytes of a masked empty message, and of a masked Close with a code */
const endBytes = 6
const closeBytes = 8

function takeFrames(socket: Socket): void {
  let frameBytes = 0
  let pending = 0
  let count = 0
  socket.on('data', (chunk: Buffer) => {
    frameBytes ||= frameLength(chunk)
    pending += chunk.length
    const frames = Math.floor(pending / frameBytes)
    pending -= frames * frameBytes
    count += frames * events
    if (frames > 0) socket.write(text(events === 1 ? String(count) : JSON.stringify({ type: 'ack', count })))
    if ((pending === endBytes || pending === closeBytes) && chunk[chunk.length - pending] !== 0x81) {
      socket.end(Buffer.from([0x88, 2, 0x03, 0xe8]))
    }
  })
}

function frameLength(chunk: Buffer): number {
  const short = chunk[1]! & 0x7f
  return short === 127 ? Number(chunk.readBigUInt64BE(2)) + 14 : chunk.readUInt16BE(2) + 8
}

function text(payload: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, payload.length]), Buffer.from(payload, 'latin1')])
}

endWithParent()
const server = kind === 'post' ? createTcpServer(takePosts) : createServer()
server.on('upgrade', (request, socket: Socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  takeFrames(socket)
})
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }))
