import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import pino from 'pino'

/** A server that logs every request by pino to stdout, and puts itself under load: as many requests as the argument says. */

const requests = Number(process.argv[2])
const log = pino()
const server = createServer((incoming, outgoing) => {
  outgoing.end('ok')
  log.info({ method: incoming.method, url: incoming.url, headers: incoming.headers }, 'request completed')
})
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  let next = 0
  const worker = async () => {
    while (next < requests) {
      const path = `/users/${next++}?q=ä`
      await new Promise(resolve =>
        request({ port, agent, path: encodeURI(path) }, response => response.resume().on('end', resolve)).end(),
      )
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  agent.destroy()
  server.close()
})
