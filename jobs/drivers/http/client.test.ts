import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { serve as serveHono } from '@hono/node-server'
import { Hono } from 'hono'
import { createPoster, type PosterOptions } from './client.ts'
import { selfSigned, serve, serveRaw } from './http.suite.ts'

function poster(t: TestContext, url: string, options: Partial<PosterOptions> = {}) {
  const made = createPoster({
    url,
    headers: { 'content-type': 'application/json' },
    timeout: 10_000,
    maxBody: 1000,
    signal: AbortSignal.timeout(20_000),
    ...options,
  })
  t.after(made.close)
  return made
}

/** A server that answers every connection with these bytes, once it has seen the end of a request's headers. */
async function serveBytes(t: TestContext, bytes: string, then: 'end' | 'reset' | 'hold'): Promise<string> {
  const server = createTcpServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () =>
      socket.write(bytes, () => {
        if (then === 'end') socket.end()
        if (then === 'reset') socket.resetAndDestroy()
      }),
    )
    t.after(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a post brings status, headers and body, over one connection', async t => {
  const ports = new Set<number | undefined>()
  const url = await serveRaw(t, (request, response) => {
    ports.add(request.socket.remotePort)
    request.resume().on('end', () => response.writeHead(201, { 'x-a': 'b' }).end('ünd'))
  })
  const { post } = poster(t, url)
  for (let i = 0; i < 3; i++) {
    const { status, headers, body, cut } = await post('{}')
    assert.deepEqual([status, headers['x-a'], body, cut], [201, 'b', 'ünd', false])
  }
  assert.equal(ports.size, 1)
})

test('a server of Hono gets the body and the headers', async t => {
  const app = new Hono().post('/rows', async c =>
    c.json({ got: await c.req.json(), type: c.req.header('content-type') }),
  )
  const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const { post, close } = poster(t, `http://127.0.0.1:${port}/rows`)
  const { body } = await post('[{"a":1}]\n')
  assert.deepEqual(JSON.parse(body), { got: [{ a: 1 }], type: 'application/json' })
  close()
})

test('a server on the IPv6 loopback is reached', async t => {
  const { post } = poster(t, await serveRaw(t, (_, response) => response.end('six'), '::1'))
  assert.equal((await post('{}')).body, 'six')
})

test('nobody who listens is unavailable, and says where', async t => {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await assert.rejects(poster(t, `http://127.0.0.1:${port}`).post('{}'), {
    code: 'unavailable',
    message: `connection refused (127.0.0.1:${port})`,
  })
})

test('a host that nobody knows is unavailable', async t => {
  await assert.rejects(poster(t, 'http://no-such-host.invalid').post('{}'), {
    code: 'unavailable',
    message: /host name/,
  })
})

test('a connection that is reset in the middle of the answer is unavailable', async t => {
  const url = await serveBytes(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"a":', 'reset')
  await assert.rejects(poster(t, url).post('{}'), { code: 'unavailable' })
})

test('an answer that ends too early is unavailable', async t => {
  const url = await serveBytes(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"a":', 'end')
  await assert.rejects(poster(t, url).post('{}'), { code: 'unavailable' })
})

test('an answer that is not HTTP is unavailable', async t => {
  const url = await serveBytes(t, 'SSH-2.0-OpenSSH_9.6\r\n', 'end')
  await assert.rejects(poster(t, url).post('{}'), { code: 'unavailable', message: /not HTTP/ })
})

test('an answer that comes drop by drop is a timeout', async t => {
  const drops = new Set<NodeJS.Timeout>()
  t.after(() => drops.forEach(clearInterval))
  const url = await serveRaw(t, (_, response) => {
    response.writeHead(200, { 'content-length': 1_000_000 })
    drops.add(setInterval(() => response.write(' '), 20))
  })
  await assert.rejects(poster(t, url, { timeout: 300 }).post('{}'), {
    code: 'timeout',
    message: /no complete answer within 0\.3 s: raise .*operator_timeout_sec/,
  })
})

test('a server that never answers is a timeout', async t => {
  const url = await serveBytes(t, '', 'hold')
  await assert.rejects(poster(t, url, { timeout: 200 }).post('{}'), { code: 'timeout' })
})

test('where the body is not wanted, the status is the answer, whatever comes after it', async t => {
  for (const then of ['hold', 'reset'] as const) {
    const url = await serveBytes(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"a":', then)
    const { status, body } = await poster(t, url, { maxBody: 0, timeout: 5000 }).post('{}')
    assert.deepEqual([status, body], [200, ''])
  }
})

test('a body that is not wanted does not keep the connection from the next request', async t => {
  const ports = new Set<number | undefined>()
  const url = await serveRaw(t, (request, response) => {
    ports.add(request.socket.remotePort)
    request.resume().on('end', () => response.end('x'.repeat(10_000)))
  })
  const { post } = poster(t, url, { maxBody: 0 })
  await post('{}')
  // the rest of the first answer arrives meanwhile
  await once(await fetchOnce(url), 'end')
  await post('{}')
  assert.equal(ports.size, 2, 'one connection of the poster, and one of the test')
})

async function fetchOnce(url: string) {
  const { get } = await import('node:http')
  const [response] = await once(get(url), 'response')
  return response.resume()
}

test('an answer above the limit is cut there, and not read on', async t => {
  const { url } = await serve(t, (_, response) => void response.end('x'.repeat(5_000_000)))
  const { body, cut } = await poster(t, url).post('{}')
  assert.deepEqual([body.length, cut], [1000, true])
})

test('307 and 308 to the same host send the rows again, there', async t => {
  for (const status of [307, 308]) {
    const { url, received } = await serve(t, (request, response) => {
      if (request.url === '/rows') response.writeHead(status, { location: '/rows/' }).end()
      else response.end('there')
    })
    const answer = await poster(t, `${url}/rows`, { headers: { authorization: 'secret' } }).post('[1]')
    assert.equal(answer.body, 'there')
    assert.deepEqual(
      received.map(({ url, method, body, headers }) => [url, method, body, headers.authorization]),
      [
        ['/rows', 'POST', '[1]', 'secret'],
        ['/rows/', 'POST', '[1]', 'secret'],
      ],
    )
  }
})

test('a redirect to another host gets neither rows nor headers', async t => {
  const other = await serve(t, (_, response) => void response.end())
  const { url } = await serve(t, (_, response) => void response.writeHead(307, { location: other.url }).end())
  assert.equal((await poster(t, url).post('[1]')).status, 307)
  assert.equal(other.received.length, 0)
})

test('a redirect that makes a GET of it is an answer like another', async t => {
  const { url, received } = await serve(t, (_, response) => void response.writeHead(302, { location: '/x' }).end())
  assert.equal((await poster(t, url).post('[1]')).status, 302)
  assert.equal(received.length, 1)
})

test('redirects in a circle are refused', async t => {
  const { url, received } = await serve(t, (_, response) => void response.writeHead(307, { location: '/' }).end())
  await assert.rejects(poster(t, url).post('[1]'), { code: 'refused', message: /more than 5 redirects/ })
  assert.equal(received.length, 6)
})

test('a certificate that nobody vouches for is refused, with the way out', async t => {
  const server = createTlsServer(selfSigned, (_, response) => response.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  await assert.rejects(poster(t, `https://localhost:${port}`).post('{}'), {
    code: 'refused',
    message: /certificate of the server is not trusted \(self-signed certificate.*NODE_EXTRA_CA_CERTS/,
  })
})

test('https to a port that speaks plain HTTP says so', async t => {
  const url = (await serveRaw(t, (_, response) => response.end())).replace('http:', 'https:')
  await assert.rejects(poster(t, url).post('{}'), { code: 'unavailable', message: /does not speak TLS/ })
})

test('an aborted signal ends a request with its reason', async t => {
  const controller = new AbortController()
  const url = await serveRaw(t, () => controller.abort(new Error('enough')))
  await assert.rejects(poster(t, url, { signal: controller.signal }).post('{}'), { message: 'enough' })
})
