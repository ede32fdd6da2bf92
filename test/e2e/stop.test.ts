import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect as netConnect } from 'node:net'
import { test } from 'node:test'
import { freePort, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post, raw } from '../support/http.ts'
import { connect, opened } from '../support/ws.ts'

const start = (dir: string, args: string[] = []) =>
  startGateway(['--store', `sqlite:${dir}/a.db`, '--port', '0', '--log-level', 'error', ...args])

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} acks what was received, closes sockets with 1001 and a reason, and exits 0`, async () => {
    const dir = tempDir()
    const gateway = await start(dir.path)
    const plain = connect(gateway.url)
    const v1 = connect(`${gateway.url}/?stream=a`, 'millrace.v1')
    await Promise.all([opened(plain), v1.message(text => text.includes('open'))])
    for (let i = 0; i < 300; i++) plain.ws.send(`${i}`)
    await plain.message(() => true)
    const exit = gateway.end(signal)
    const [first, second] = await Promise.all([plain.closed, v1.closed])
    assert.deepEqual([first.code, second.code], [1001, 1001])
    assert.notEqual(first.reason, '')
    assert.equal(await exit, 0)
    assert.ok(Number(plain.seen.at(-1)) >= 1)
    assert.equal(existsSync(`${dir.path}/a.db-wal`), false, 'the write-ahead log is folded in')
    const again = await start(dir.path)
    const count = Number((await ask(`${again.url}/v1/streams`)).body.match(/"count":(\d+)/)?.[1])
    assert.ok(count >= Number(plain.seen.at(-1)))
    assert.equal(await again.end(), 0)
    dir.remove()
  })

test('a POST that is under way when the stop comes is answered', async () => {
  const dir = tempDir()
  const gateway = await start(dir.path)
  const answer = raw(
    gateway.url,
    [
      'POST /v1/events?stream=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n1\n',
      ...Array<string>(30).fill(''),
      '2\n',
    ],
    text => text.includes('accepted'),
  )
  await new Promise(resolve => setTimeout(resolve, 50))
  const exit = gateway.end()
  assert.match(await answer, /"accepted":2/)
  assert.equal(await exit, 0)
  dir.remove()
})

test('what is still open after the grace period is destroyed, and the exit is still 0', async () => {
  const dir = tempDir()
  const gateway = await start(dir.path, ['--grace', '300ms'])
  const hanging = raw(gateway.url, ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n1'])
  await new Promise(resolve => setTimeout(resolve, 50))
  const [exit] = await Promise.all([gateway.end(), hanging.catch(() => '')])
  assert.equal(exit, 0)
  dir.remove()
})

test('a second signal ends at once', async () => {
  const dir = tempDir()
  const gateway = await start(dir.path, ['--grace', '60s'])
  const hanging = raw(gateway.url, ['POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n1'])
  await new Promise(resolve => setTimeout(resolve, 50))
  const first = gateway.end()
  await new Promise(resolve => setTimeout(resolve, 200))
  gateway.child.kill('SIGTERM')
  assert.equal(await first, 1)
  await hanging.catch(() => '')
  dir.remove()
})

test('a second gateway on the same store is refused with the pid of the first, a killed one leaves no obstacle', async () => {
  const dir = tempDir()
  const gateway = await start(dir.path)
  await assert.rejects(start(dir.path), new RegExp(`in use by another gateway \\(pid ${gateway.pid} `))
  await post(gateway.url, '1')
  await gateway.end('SIGKILL')
  const next = await start(dir.path)
  assert.equal((await ask(`${next.url}/v1/streams`)).body.includes('"count":1'), true)
  assert.equal(await next.end(), 0)
  dir.remove()
})

test('a taken port is named, and the store is left free', async () => {
  const dir = tempDir()
  const port = await freePort()
  const gateway = await startGateway([
    '--store',
    `sqlite:${dir.path}/b.db`,
    '--port',
    String(port),
    '--log-level',
    'error',
  ])
  await assert.rejects(start(dir.path, ['--port', String(port)]), new RegExp(`${port}: the port is taken`))
  const next = await start(dir.path)
  await Promise.all([next.end(), gateway.end()])
  dir.remove()
})

test('listening beyond loopback needs a token or --no-auth', async () => {
  const dir = tempDir()
  await assert.rejects(start(dir.path, ['--host', '0.0.0.0']), /needs a token/)
  const gateway = await start(dir.path, ['--host', '0.0.0.0', '--no-auth'])
  assert.equal((await post(gateway.url.replace('0.0.0.0', '127.0.0.1'), '1', { host: 'gateway.lan' })).status, 200)
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

test('a refused upgrade that its client keeps open does not hold up the stop', async () => {
  const dir = tempDir()
  const gateway = await start(dir.path, ['--grace', '500ms'])
  const upgrade =
    'GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  const kept = raw(gateway.url, [upgrade])
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal(await gateway.end(), 0)
  assert.match(await kept, /404 not_found/)
  dir.remove()
})

test('connections that carry no request do not hold up the stop', async () => {
  const dir = tempDir()
  const gateway = await start(dir.path, ['--grace', '60s'])
  const { hostname, port } = new URL(gateway.url)
  const whole = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const half = 'POST / HTTP/1.1\r\nHost: local'
  const sockets = ['', half, whole, whole + half].map(bytes => {
    const socket = netConnect(Number(port), hostname)
    const seen = new Promise<void>(resolve => socket.once(bytes.startsWith('G') ? 'data' : 'connect', () => resolve()))
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
    socket.on('error', () => socket.destroy())
    socket.resume()
    if (bytes !== '') socket.write(bytes)
    return { seen, closed }
  })
  await Promise.all(sockets.map(({ seen }) => seen))
  assert.equal(await gateway.end(), 0)
  await Promise.all(sockets.map(({ closed }) => closed))
  dir.remove()
})
