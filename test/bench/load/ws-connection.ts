import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { openSocket } from './socket.ts'
import { frameReader, maskedFrame, type OnFrame, opcode } from './ws-frames.ts'

export interface WsOptions {
  port: number
  /** with its query; default `/v1/events` */
  path?: string
  /** default none: the plain protocol */
  subprotocol?: string
  localAddress?: string
  onFrame: OnFrame
  onClose: (reason: string) => void
}

/** the GUID of RFC 6455 section 1.3 */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Opens a WebSocket over a raw socket: handshake checked, pings answered, everything else to `onFrame`. */
export async function openWebSocket(options: WsOptions): Promise<Socket> {
  const { port, path = '/v1/events', subprotocol, localAddress, onFrame, onClose } = options
  const key = randomBytes(16).toString('base64')
  const accept = createHash('sha1')
    .update(key + guid)
    .digest('base64')
  let head = Buffer.alloc(0)
  let opened = false
  let onOpened = (_error?: Error) => {}
  const handshake = new Promise<void>((resolve, reject) => {
    onOpened = error => (error ? reject(error) : resolve())
  })

  const reader = frameReader((op, buffer, start, end) => {
    if (op === opcode.ping) socket.write(maskedFrame(opcode.pong, buffer.subarray(start, end), randomBytes(4)))
    else onFrame(op, buffer, start, end)
  })

  function readHead(chunk: Buffer): void {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    const text = head.toString('latin1', 0, end)
    opened = true
    const rest = head.subarray(end + 4)
    if (text.startsWith('HTTP/1.1 101 ') && text.includes(accept)) {
      onOpened()
      if (rest.length > 0) reader.push(rest)
    } else onOpened(new Error(`no WebSocket: ${text.split('\r\n')[0]} ${rest.toString('latin1', 0, 300)}`))
  }

  const socket = await openSocket({
    port,
    localAddress,
    onChunk: chunk => (opened ? reader.push(chunk) : readHead(chunk)),
    onClose(reason) {
      if (!opened) onOpened(new Error(`closed during the handshake: ${reason}`))
      onClose(reason)
    },
  })
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n` +
      `${subprotocol ? `Sec-WebSocket-Protocol: ${subprotocol}\r\n` : ''}\r\n`,
  )
  await handshake
  return socket
}

/** A Close frame's code and reason as text. */
export function closeText(buffer: Buffer, start: number, end: number): string {
  return end - start < 2
    ? 'close without a code'
    : `${buffer.readUInt16BE(start)} ${buffer.toString('utf8', start + 2, end)}`
}
