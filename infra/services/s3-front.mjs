// S3Proxy with atomic conditional writes: node s3-front.mjs PORT INNER_PORT COMMAND…
// S3Proxy over a folder looks at a key first and writes then, so that two writes with If-None-Match may both win. This
// lets writes of one key through one after the other, and hands all else through as it is. COMMAND is the server; it
// ends with the front, and the front with it.
import { spawn } from 'node:child_process'
import { Agent, createServer, request } from 'node:http'

const [port, inner, command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: 'inherit' })
child.once('exit', code => process.exit(code ?? 1))
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => child.kill(signal))

const agent = new Agent({ keepAlive: true })
/** By key, the end of its last write. */
const writes = new Map()

const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 }, (incoming, outgoing) => {
  const { pathname, searchParams } = new URL(incoming.url, 'http://s3')
  const isRead = incoming.method === 'GET' || incoming.method === 'HEAD'
  // parts are seen once the upload is completed, which is a write of its own
  if (isRead || searchParams.has('partNumber')) return void forward(incoming, outgoing)
  const turn = (writes.get(pathname) ?? Promise.resolve()).then(() => forward(incoming, outgoing))
  writes.set(pathname, turn)
  turn.then(() => writes.get(pathname) === turn && writes.delete(pathname))
})
server.listen(Number(port), '127.0.0.1')

/**
 * Resolves once the server has answered. A request that came whole is answered also where its client is gone: the next
 * write of the key, which may be the same again, waits for it.
 */
function forward(incoming, outgoing) {
  return new Promise(resolve => {
    if (incoming.destroyed) return resolve()
    const { expect: _, ...headers } = incoming.headers
    const to = { port: Number(inner), host: '127.0.0.1', agent, method: incoming.method, path: incoming.url, headers }
    const asked = request(to)
    asked.on('error', () => {
      outgoing.destroy()
      resolve()
    })
    asked.on('response', answer => {
      outgoing.writeHead(answer.statusCode, answer.statusMessage, answer.headers)
      answer.on('data', data => outgoing.destroyed || outgoing.write(data) || answer.pause())
      answer.on('end', () => outgoing.end())
      answer.on('error', () => outgoing.destroy())
      answer.on('close', resolve)
      outgoing.on('drain', () => answer.resume())
      outgoing.on('close', () => answer.resume())
    })
    incoming.on('error', () => {})
    outgoing.on('error', () => {})
    // handed on whole, and not only received
    outgoing.on('close', () => asked.writableEnded || asked.destroy())
    incoming.pipe(asked)
  })
}
