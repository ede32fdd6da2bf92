import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Cut, cuttingProxy } from './proxy.ts'

/** A client and a server with the proxy between them, and what each has seen. */
async function wired(t: TestContext) {
  const server = createServer(socket => socket.on('data', data => data.includes('echo') && socket.write(data)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await cuttingProxy((server.address() as AddressInfo).port)
  const client = watched(connect(proxy.port, '127.0.0.1'))
  const [accepted] = (await once(server, 'connection')) as [Socket]
  const gateway = watched(accepted)
  client.socket.write('hello ')
  await gateway.until('hello ')
  gateway.socket.write('welcome ')
  await client.until('welcome ')
  t.after(async () => {
    client.socket.destroy()
    await proxy.close()
    server.close()
  })
  return {
    client,
    gateway,
    proxy,
    cut: (how: Cut) => assert.ok(proxy.cut(how, 0.5)),
  }
}

function watched(socket: Socket) {
  const seen = { text: '', error: '', ended: false }
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  socket.on('data', data => (seen.text += data))
  socket.on('end', () => (seen.ended = true))
  socket.on('error', (error: NodeJS.ErrnoException) => (seen.error = error.code ?? error.message))
  return {
    socket,
    seen,
    closed,
    async until(text: string) {
      while (!seen.text.endsWith(text)) await once(socket, 'data')
    },
  }
}

/** what the client and the gateway say after the cut, and what of it arrives */
const cases: Record<Exclude<Cut, 'stall'>, { toGateway: string; toClient: string; error: string }> = {
  reset: { toGateway: '', toClient: '', error: 'ECONNRESET' },
  end: { toGateway: '', toClient: '', error: '' },
  deaf: { toGateway: '12345678', toClient: '', error: 'ECONNRESET' },
  part: { toGateway: '1234', toClient: '', error: 'ECONNRESET' },
  late: { toGateway: '12345678', toClient: '', error: 'ECONNRESET' },
}
for (const [how, { toGateway, toClient, error }] of Object.entries(cases))
  test(`${how}: of what is said after the cut '${toGateway}' arrives, and both ends break`, async t => {
    const { client, gateway, cut } = await wired(t)
    cut(how as Cut)
    client.socket.write('12345678')
    gateway.socket.write('nobody hears this')
    await Promise.all([client.closed, gateway.closed])
    assert.equal(gateway.seen.text, `hello ${toGateway}`)
    assert.equal(client.seen.text, `welcome ${toClient}`)
    assert.equal(client.seen.error, error)
  })

test('stall: nothing arrives and nobody is told, until the client gives up', async t => {
  const { client, gateway, proxy, cut } = await wired(t)
  cut('stall')
  client.socket.write('12345678')
  gateway.socket.write('nobody hears this')
  // another connection is well, and its word back came later than theirs would have
  const other = connect(proxy.port, '127.0.0.1')
  for (let round = 0; round < 5; round++) {
    other.write('echo')
    await once(other, 'data')
  }
  assert.deepEqual(client.seen, { text: 'welcome ', error: '', ended: false })
  assert.deepEqual(gateway.seen, { text: 'hello ', error: '', ended: false })
  client.socket.destroy()
  await gateway.closed
  other.destroy()
})

test('a connection is cut once, and without one there is nothing to cut', async t => {
  const { proxy, client } = await wired(t)
  assert.equal(proxy.connections, 1)
  assert.equal(proxy.cut('reset', 0), true)
  assert.equal(proxy.cut('reset', 0), false)
  await client.closed
})
