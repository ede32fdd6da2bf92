import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { createLog } from '../../core/telemetry/event.ts'
import { createRegistry } from '../../core/telemetry/registry.ts'
import { registerIngest } from '../metrics.ts'
import { acceptSockets, type SocketsDeps } from './upgrade.ts'

test('a refused upgrade whose client does not hang up holds a stop up neither before nor after it began', async t => {
  const real = globalThis.setTimeout
  // what a refused client may take to read never passes here
  t.mock.method(globalThis, 'setTimeout', (act: () => void, ms: number) => real(act, ms < 1000 ? ms : 1e6))
  const server = createServer()
  const sockets = acceptSockets(server, {
    metrics: registerIngest(createRegistry()),
    log: createLog({ level: 'silent', write: () => {} }),
    heartbeatMs: 60_000,
  } as unknown as SocketsDeps)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const begin = async () => {
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    client.on('error', () => {})
    await once(client, 'connect')
    return client
  }
  const [early, late] = [await begin(), await begin()]
  const refuse = async (client: typeof early) => {
    client.write('GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n')
    assert.match(String((await once(client, 'data'))[0]), /^HTTP\/1\.1 404 /)
  }
  await refuse(early)
  await sockets.stop()
  await refuse(late)
  const closed = once(server, 'close')
  server.close()
  await closed
  for (const client of [early, late]) client.destroy()
})
