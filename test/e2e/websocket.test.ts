import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post, raw } from '../support/http.ts'
import { createStore, overEachStore, type TestStore } from '../support/stores.ts'
import { connect, opened, refused } from '../support/ws.ts'

overEachStore(kind => {
  let gateway: RunningGateway
  let store: TestStore
  const dir = tempDir()
  before(async () => {
    store = await createStore(kind, dir.path)
    gateway = await startGateway(['--store', store.url, '--port', '0', '--log-level', 'error'], {
      env: { MILLRACE__GATEWAY__LIMITS__EVENT: '1MiB' },
    })
  })
  after(async () => {
    assert.equal(await gateway.end(), 0)
    await store.drop()
    dir.remove()
  })

  const v1 = 'millrace.v1'
  const url = (path: string) => gateway.url + path
  const stored = async (key: string) => (await ask(url(`/v1/streams/${encodeURIComponent(key)}/events`))).body
  const frame = (text: string) => JSON.parse(text) as Record<string, unknown>
  const ofType = (type: string) => (text: string) => text.includes(`"type":"${type}"`)

  test('plain: each text or binary message is one event, acked by the bare count', async () => {
    const socket = connect(url('/?stream=plain'))
    await opened(socket)
    socket.ws.send('{"a":1}')
    socket.ws.send(Buffer.from(' {"a":\n2} '))
    socket.ws.send('"ä"')
    await socket.message(text => text === '3')
    assert.ok(socket.seen.every(text => /^\d+$/.test(text)))
    assert.equal(await stored('plain'), '{"a":1}\n{"a":2}\n"ä"\n')
    socket.ws.send(Buffer.alloc(0))
    assert.deepEqual(await socket.closed, { code: 1000, reason: 'end of stream' })
  })

  test('plain: pings, pongs and the end are not counted, and counts only grow', async () => {
    const socket = connect(url('/'))
    await opened(socket)
    for (let i = 0; i < 1000; i++) {
      socket.ws.send(`${i}`)
      if (i % 100 === 0) socket.ws.ping()
    }
    socket.ws.send(Buffer.alloc(0))
    assert.equal((await socket.closed).code, 1000)
    const counts = socket.seen.map(Number)
    assert.equal(counts.at(-1), 1000)
    counts.reduce((before, now) => {
      assert.ok(now > before && now - before <= 256, `${before} then ${now}`)
      return now
    }, 0)
  })

  for (const [what, message] of [
    ['no JSON', '{oops'],
    ['two values', '1 2'],
    ['an empty text', ''],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ] as const)
    test(`plain: a message with ${what} closes with 1007 after what came before is stored and acked`, async () => {
      const socket = connect(url('/'))
      await opened(socket)
      socket.ws.send('1')
      socket.ws.send(message)
      socket.ws.send('3')
      const { code, reason } = await socket.closed
      assert.deepEqual([code, socket.seen.at(-1)], [1007, '1'])
      assert.notEqual(reason, '')
    })

  test('plain: a message above the limit closes with 1009 and a reason', async () => {
    const socket = connect(url('/'))
    await opened(socket)
    socket.ws.send('1')
    socket.ws.send(`"${'x'.repeat(3 * 1024 * 1024)}"`)
    const { code, reason } = await socket.closed
    assert.equal(code, 1009)
    assert.match(reason, /event_too_large/)
  })

  test('millrace.v1: opens with the count, acks batches, resumes at the count', async () => {
    const first = connect(url('/v1/events?stream=v1'), v1)
    assert.deepEqual(frame(await first.message(ofType('open'))), { type: 'open', stream: 'v1', count: 0 })
    first.ws.send('1\n2\n3\n')
    first.ws.send(Buffer.from('{"a":\n4}{"b":5}'))
    await first.message(text => ofType('ack')(text) && frame(text).count === 5)
    first.ws.close()
    await first.closed
    const second = connect(url('/?stream=v1'), v1)
    assert.equal(frame(await second.message(ofType('open'))).count, 5)
    second.ws.send('6\n')
    assert.deepEqual(frame(await second.message(ofType('ack'))), { type: 'ack', count: 6, duplicates: 0, rejected: 0 })
    assert.equal(await stored('v1'), '1\n2\n3\n{"a":4}\n{"b":5}\n6\n')
    second.ws.send(Buffer.alloc(0))
    assert.equal((await second.closed).code, 1000)
  })

  test('millrace.v1: a position that another producer took meanwhile is a duplicate', async () => {
    const socket = connect(url('/?stream=both'), v1)
    await socket.message(ofType('open'))
    await post(url('/v1/events?stream=both'), '"post 0"\n"post 1"\n')
    socket.ws.send('"socket 0"\n"socket 1"\n"socket 2"\n')
    assert.deepEqual(frame(await socket.message(ofType('ack'))), { type: 'ack', count: 3, duplicates: 2, rejected: 0 })
    assert.equal(await stored('both'), '"post 0"\n"post 1"\n"socket 2"\n')
    socket.ws.terminate()
  })

  test('millrace.v1: an older epoch is fenced, at the open and in the middle', async () => {
    const old = connect(url('/?stream=fence&epoch=1'), v1)
    await old.message(ofType('open'))
    const late = connect(url('/?stream=fence&epoch=2'), v1)
    await late.message(ofType('open'))
    old.ws.send('1\n')
    assert.equal(frame(await old.message(ofType('error'))).code, 'fenced')
    assert.equal((await old.closed).code, 1008)
    const again = connect(url('/?stream=fence&epoch=1'), v1)
    assert.equal((await again.closed).code, 1008)
    late.ws.terminate()
  })

  test('millrace.v1: a bad event is an error with its index after what came before', async () => {
    const socket = connect(url('/?stream=v1bad'), v1)
    await socket.message(ofType('open'))
    socket.ws.send('1\n2\n')
    socket.ws.send('3\nnope\n5\n')
    const error = frame(await socket.message(ofType('error')))
    assert.deepEqual([error.code, error.index], ['bad_event', 3])
    assert.equal((await socket.closed).code, 1007)
    assert.equal(await stored('v1bad'), '1\n2\n3\n')
  })

  test('millrace.v1: with on_error=dead_letter bad text is rejected at its position and the socket goes on', async () => {
    const socket = connect(url('/?stream=v1dead&on_error=dead_letter'), v1)
    await socket.message(ofType('open'))
    socket.ws.send('1\nnope\n3\n')
    assert.deepEqual(frame(await socket.message(ofType('ack'))), { type: 'ack', count: 3, duplicates: 0, rejected: 1 })
    assert.equal(await stored('v1dead'), '1\n3\n')
    socket.ws.terminate()
  })

  test('what was received before the client vanished is stored', async () => {
    const socket = connect(url('/?stream=vanished'))
    await opened(socket)
    for (let i = 0; i < 500; i++) socket.ws.send(`${i}`)
    await new Promise<void>(resolve => socket.ws.send('500', () => resolve()))
    socket.ws.close()
    await socket.closed
    const deadline = Date.now() + 5000
    const closedAt = async () => (await ask(url('/v1/streams/vanished'))).json().closed_at
    while (typeof (await closedAt()) !== 'number' && Date.now() < deadline)
      await new Promise(resolve => setTimeout(resolve, 20))
    assert.equal((await ask(url('/v1/streams/vanished'), { method: 'HEAD' })).headers['millrace-count'], '501')
    assert.equal(typeof (await closedAt()), 'number')
  })

  test('a refused upgrade is an HTTP error', async () => {
    assert.equal(await refused(url('/nowhere')), 404)
    assert.equal(await refused(url('/?stream=a&offset=1')), 400)
    assert.equal(await refused(url('/'), undefined, { origin: 'https://evil.example' }), 403)
    assert.equal(await refused(url('/'), undefined, { host: 'evil.example' }), 403)
  })

  const handshake = (path: string, more: Record<string, string> = {}, method = 'GET') =>
    `${method} ${path} HTTP/1.1\r\n${Object.entries({
      host: new URL(gateway.url).host,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      ...more,
    })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`

  for (const [what, request, status, code] of [
    ['on the path //', () => handshake('//'), 404, 'not_found'],
    ['on a path that is no URL', () => handshake('//:::'), 404, 'not_found'],
    ['with another method', () => handshake('/', {}, 'PUT'), 405, 'method_not_allowed'],
    ['of another version', () => handshake('/', { 'sec-websocket-version': '99' }), 400, 'bad_request'],
    ['without a key', () => handshake('/', { 'sec-websocket-key': '' }), 400, 'bad_request'],
    ['with a bad subprotocol', () => handshake('/', { 'sec-websocket-protocol': ',' }), 400, 'bad_request'],
  ] as const)
    test(`an upgrade ${what} is refused with our JSON error and the fields of an ingest reply`, async () => {
      const text = await raw(gateway.url, [request()])
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.match(text, /^content-type: application\/json\r$/im)
      if (what.includes('version')) assert.match(text, /^sec-websocket-version: 13, 8\r$/im)
      const { error, message, ...counts } = JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) as Record<string, unknown>
      assert.deepEqual([error, typeof message], [code, 'string'])
      assert.deepEqual(counts, { stream: null, count: 0, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
    })

  test('a path is found however it is encoded', async () => {
    const text = await raw(gateway.url, [handshake('/v1/%65vents')], seen => seen.includes('\r\n\r\n'))
    assert.match(text, /^HTTP\/1\.1 101 /)
  })

  test('a frame that breaks RFC 6455 closes with 1002 and a reason', async () => {
    const socket = connect(url('/'))
    await opened(socket)
    const { _socket } = socket.ws as unknown as { _socket: NodeJS.WritableStream }
    _socket.write(Buffer.from([0xff, 0x80, 0, 0, 0, 0]))
    assert.deepEqual(await socket.closed, { code: 1002, reason: 'protocol error: this is no RFC 6455 frame' })
  })

  test('messages are not compressed unless it was asked for', async () => {
    const socket = connect(url('/'))
    await opened(socket)
    assert.equal(socket.ws.extensions, '')
    socket.ws.terminate()
  })
})
