import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { createTestApp } from '../app.suite.ts'
import { configSchema } from '../config.ts'
import { trackConnections } from './connections.ts'
import { createHttpServer } from './server.ts'

async function listen(times?: { most: number; every: number }) {
  const { app, post, close } = await createTestApp()
  const server: Server = createHttpServer(app, post, configSchema.parse({}).gateway, times)
  const connections = trackConnections(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    connections,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      connections.destroy()
      await closed
      await close()
    },
  }
}

/** What comes until the server closes. */
const talk = (port: number, bytes: string) =>
  new Promise<string>((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', data => {
      text += data
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })

test('headers that do not arrive in time are told so, also where nothing came at all', async () => {
  const server = await listen({ most: 100, every: 20 })
  for (const bytes of ['', 'POST / HTTP/1.1\r\nHost: local'])
    assert.match(await talk(server.port, bytes), /^HTTP\/1.1 408 timeout[\s\S]*"error":"timeout"/)
  await server.close()
})

test('a connection is idle only between a whole request with its answer and the next one', async () => {
  const server = await listen()
  const socket = connect(server.port, '127.0.0.1')
  const chunk = () => new Promise<string>(resolve => socket.once('data', data => resolve(String(data))))
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\nContent-Length: 4\r\n\r\n1\n')
  await chunk()
  server.connections.dropIdle()
  socket.write('2\n')
  let text = ''
  while (!text.endsWith('0\r\n\r\n')) text += await chunk()
  assert.match(text, /"accepted":2/)
  server.connections.dropIdle()
  await closed
  await server.close()
})
