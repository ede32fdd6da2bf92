import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { brotliCompressSync } from 'node:zlib'
import { type RunningGateway, startGateway, tempDir } from '../support/gateway.ts'
import { ask, post, raw } from '../support/http.ts'

/** What only raw bytes on a socket show: targets, Host, Expect, broken and refused requests. */

let gateway: RunningGateway
const dir = tempDir()
before(async () => {
  gateway = await startGateway(['--store', `sqlite:${dir.path}/a.db`, '--port', '0', '--log-level', 'warn'])
})
after(async () => {
  assert.equal(await gateway.end(), 0)
  dir.remove()
})

const url = (path: string) => gateway.url + path
const answered = (text: string) => text.includes('"message"') || text.includes('"accepted"')
const send = (...chunks: (string | Buffer)[]) => raw(gateway.url, chunks, answered)

test('a long POST that cannot be stored is told at once, not at its next chunk', async () => {
  const head = 'HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n'
  assert.match(await send(`POST /v1/events?stream=early&offset=9 ${head}`), /409 [\s\S]*"error":"gap"[\s\S]*"count":0/)
  await post(url('/v1/events?stream=fenced&epoch=3'), '1')
  assert.match(await send(`POST /v1/events?stream=fenced&epoch=2 ${head}`), /409 [\s\S]*"error":"fenced"/)
})

test('what was refused for its position says nothing of bad events that were not looked for', async () => {
  for (const more of ['', '&on_error=dead_letter']) {
    const answer = (await post(url(`/v1/events?stream=twice&offset=5${more}`), '1\n{oops}\n')).json()
    assert.deepEqual([answer.error, answer.count, answer.rejected, answer.errors], ['gap', 0, 0, []])
  }
})

for (const [what, lines] of Object.entries({
  'no Host': 'GET / HTTP/1.1\r\n',
  'two Hosts': 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n',
  'two Hosts and a body': 'POST /v1/events HTTP/1.1\r\nHost: localhost\r\nhOST: evil\r\nContent-Length: 0\r\n',
  'a Host that is none': 'POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 0\r\n',
  'a Host with a path': 'GET / HTTP/1.1\r\nHost: localhost/x\r\n',
  'an empty Host': 'GET / HTTP/1.1\r\nHost:\r\n',
  'a target that is no path': 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n',
  'a backslash in its path': 'GET /v1\\streams HTTP/1.1\r\nHost: localhost\r\n',
  'a target of another host': 'POST http://other/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n',
  'two Hosts and an Upgrade':
    'GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
  'an unknown Expect': 'POST / HTTP/1.1\r\nHost: localhost\r\nExpect: cake\r\nContent-Length: 0\r\n',
}))
  test(`a request with ${what} is a bad request in JSON`, async () => {
    const text = await send(`${lines}\r\n`)
    assert.match(
      text,
      /^HTTP\/1.1 400 [\s\S]*content-type: application\/json[\s\S]*\{"error":"bad_request","message":/i,
    )
  })

test('HTTP/1.0 needs no Host where none is looked at', async () => {
  assert.match(await raw(gateway.url, ['GET /healthz HTTP/1.0\r\n\r\n']), /200 OK[\s\S]*"ok"/)
})

test('a path may be written in full or percent-encoded, with everything that the plain one takes', async () => {
  const body = brotliCompressSync(Buffer.from('1\n2\n'))
  const head = (target: string) =>
    `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: br\r\nContent-Length: ${body.length}\r\n\r\n`
  for (const target of [
    'http://localhost/v1/events?stream=full',
    'HTTP://LOCALHOST/v1/events?stream=full',
    '/v1/%65vents?stream=full',
    '/v1/./events?stream=full',
  ])
    assert.match(await send(head(target), body), /200 OK[\s\S]*"stream":"full"[\s\S]*"accepted":2/, target)
})

test('a key of broken encoding is a bad request that names it, in the query and in the path', async () => {
  for (const key of ['%zz', '%ff', '%', 'a%C3']) {
    const answer = await post(url(`/v1/events?stream=${key}`), '1')
    assert.deepEqual([answer.status, answer.json().error], [400, 'bad_request'], key)
    assert.match(String(answer.json().message), /query parameter stream /)
    for (const path of [`/v1/tail?stream=${key}`, `/v1/dead-letters?stream=${key}`, `/v1/streams/${key}`])
      assert.deepEqual((await ask(url(path))).json().error, 'bad_request', path)
    assert.equal((await ask(url(`/v1/streams/${key}/events`))).status, 400)
  }
})

test('headers above the limit, and what is no HTTP, are told so on a used connection too', async () => {
  const first = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  for (const [bytes, told] of [
    [`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, /200 OK[\s\S]*431 headers_too_large/],
    ['\0\0\0\r\n\r\n', /200 OK[\s\S]*400 bad_request/],
  ] as const) {
    // the answer to the first must be out before the second comes
    const text = await raw(gateway.url, [first, ...Array<string>(10).fill(''), bytes], answered)
    assert.match(text, told)
  }
})

test('a body above the limit is refused before it is asked for', async () => {
  const head = `HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: ${2 ** 40}\r\n\r\n`
  assert.match(await raw(gateway.url, [`POST /v1/events ${head}`]), /^HTTP\/1.1 413 [\s\S]*body_too_large/)
})

test('a body that may come is asked for once', async () => {
  const head = (more: string) =>
    `POST /v1/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n${more}\r\n`
  for (const more of ['', 'Accept: application/x-ndjson\r\n'])
    assert.match(
      await send(head(more), ...Array<string>(10).fill(''), '1\n'),
      /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n[\s\S]*"accepted":1/,
    )
})

test('a sender that reads only after its whole body still learns why it was refused', async () => {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  const failed = new Promise<never>((_, reject) => socket.once('error', reject))
  const length = 96 * 1024 * 1024
  socket.pause()
  socket.write(
    `POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: lzma\r\nContent-Length: ${length}\r\n\r\n`,
  )
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  for (let sent = 0; sent < length; sent += chunk.length)
    await Promise.race([failed, new Promise<void>(resolve => socket.write(chunk, () => resolve()))])
  socket.resume()
  const text = await Promise.race([
    failed,
    new Promise<string>(resolve => socket.once('data', d => resolve(String(d)))),
  ])
  assert.match(text, /415 [\s\S]*unsupported_encoding/)
  socket.destroy()
})

test('another method than those of a path is 405 and names those', async () => {
  for (const [method, path, allow] of [
    ['PUT', '/v1/events', 'GET, HEAD, POST'],
    ['DELETE', '/', 'GET, HEAD, POST'],
    ['POST', '/v1/streams', 'GET, HEAD'],
    ['PATCH', '/v1/streams/a', 'GET, HEAD, DELETE'],
    ['GET', '/v1/query', 'POST'],
    ['TRACE', '/healthz', 'GET, HEAD'],
  ] as const) {
    const answer = await ask(url(path), { method })
    assert.deepEqual([answer.status, answer.headers.allow], [405, allow], `${method} ${path}`)
    assert.equal(answer.json().error, 'method_not_allowed')
  }
  assert.equal((await ask(url('/nothing'), { method: 'PUT' })).status, 404)
})

test('headers are stored as the text that they are', async () => {
  const bytes = Buffer.from('POST /v1/events?stream=text HTTP/1.1\r\nHost: localhost\r\nX-Name: größe €\r\nX-Old: gr')
  const old = Buffer.concat([bytes, Buffer.from([0xf6]), Buffer.from('n\r\nContent-Length: 1\r\n\r\n1')])
  assert.match(await send(old), /200 OK/)
  const { headers } = (await ask(url('/v1/streams/text'))).json() as { headers: Record<string, string> }
  assert.deepEqual([headers['x-name'], headers['x-old']], ['größe €', 'grön'])
})

test('a POST without a key always learns a count', async () => {
  const unknown = await post(url('/v1/events'), '1', { 'content-encoding': 'lzma' })
  assert.deepEqual([unknown.status, unknown.json().count, unknown.json().stream], [415, 0, null])
})

test('a request that came through any proxy needs a token', async () => {
  const answer = await post(url('/'), '1', { 'x-forwarded-client-cert': 'a' })
  assert.equal(answer.status, 403)
  assert.match(answer.body, /x-forwarded-client-cert/)
})
