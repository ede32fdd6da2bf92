/** The least that a `ws` server can do with messages: count them, and answer the count every 256. */
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { endWithParent, tell } from '../load/worker.ts'

const ackEvery = 256

endWithParent()
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
server.on('connection', socket => {
  let count = 0
  socket.on('message', (data: Buffer) => {
    if (data.length === 0) {
      socket.send(String(count))
      socket.close(1000)
    } else if (++count % ackEvery === 0) socket.send(String(count))
  })
})
server.on('listening', () => tell({ port: (server.address() as AddressInfo).port }))
