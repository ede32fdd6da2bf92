/** The least that a Node HTTP server can do with a POST: read the body, answer `1`. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { endWithParent, tell } from '../load/worker.ts'

endWithParent()
const server = createServer((request, response) => {
  request.on('data', () => {})
  request.on('end', () => response.end('1'))
})
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }))
