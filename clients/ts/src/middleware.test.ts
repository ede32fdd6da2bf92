import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, createServer, type IncomingMessage, request, type Server } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { serve } from '@hono/node-server'
import createExpress from 'express'
import { type Context, Hono } from 'hono'
import { stream } from 'hono/streaming'
import { freePort, type RunningGateway, startGateway } from '../../../test/support/gateway.ts'
import { ask, post } from '../../../test/support/http.ts'
import { connect } from './client.ts'
import {
  type ExpressRequest,
  express,
  type HonoContext,
  hono,
  type RequestEvent,
  type RequestLogOptions,
} from './middleware.ts'
import type { Client } from './types.ts'

let gateway: RunningGateway
before(async () => {
  gateway = await startGateway(['--store', 'memory:', '--port', '0', '--log-level', 'error'])
})
after(async () => {
  assert.equal(await gateway.end(), 0)
})

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

function client(url = gateway.url): Client {
  const made = connect({ url, overflow: 'drop_newest', maxBytes: url === gateway.url ? 1_000_000 : 10 })
  made.on('drop', () => {})
  open.push(() => made.close({ timeout: 0 }))
  return made
}

async function listen(server: Server): Promise<string> {
  if (!server.listening) await once(server, 'listening')
  open.push(() => {
    server.closeAllConnections()
    return new Promise(resolve => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The events of `count` requests, as they are stored. */
async function recorded(log: Client, count: number): Promise<(RequestEvent & Record<string, unknown>)[]> {
  while (log.stats().taken < count) await new Promise(resolve => setTimeout(resolve, 5))
  await log.flush()
  const { body } = await ask(`${gateway.url}/v1/streams/${log.key}/events`)
  return body.split('\n').slice(0, -1).map(line => JSON.parse(line)) // biome-ignore format: short
}

/** Ends with the peer gone after the first piece of the response. */
async function leave(url: string): Promise<void> {
  const call: ClientRequest = request(url).end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  await once(response, 'data')
  response.on('error', () => {})
  call.destroy()
}

interface App {
  url: string
  log: Client
}

/** The same routes in each framework: `/hi`, `/hi` by POST, `/error`, `/pieces`, `/endless`, `/empty`. */
const apps: Record<string, (log: Client, options?: RequestLogOptions<unknown>) => Promise<App>> = {
  async hono(log, options) {
    const app = new Hono()
    app.use(hono<HonoContext & Context>(log, options))
    app.get('/hi/:name?', c => c.text('hello'))
    app.post('/hi', async c => c.text(await c.req.text(), 201))
    app.get('/error', () => {
      throw new TypeError('broken')
    })
    app.get('/pieces', c =>
      stream(c, async out => {
        for (const piece of ['one', 'two']) await out.write(piece)
      }),
    )
    app.get('/endless', c =>
      stream(c, async out => {
        while (!out.aborted) {
          await out.write('piece')
          await out.sleep(1)
        }
      }),
    )
    app.get('/empty', c => c.body(null, 204))
    app.onError((_error, c) => c.text('sorry', 500))
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
    return { log, url: await listen(server) }
  },
  async express(log, options) {
    const app = createExpress()
    const requests = express(log, options)
    app.use(requests)
    app.get(['/hi', '/hi/:name'], (_req, res) => void res.send('hello'))
    app.post('/hi', createExpress.text({ type: () => true }), (req, res) => void res.status(201).send(req.body))
    app.get('/error', () => {
      throw new TypeError('broken')
    })
    app.get('/pieces', (_req, res) => {
      for (const piece of ['one', 'two']) res.write(piece)
      res.end()
    })
    app.get('/endless', (_req, res) => {
      const timer = setInterval(() => res.write('piece'), 1)
      res.on('close', () => clearInterval(timer))
    })
    app.get('/empty', (_req, res) => void res.status(204).end())
    app.use(requests.errors)
    app.use((_error: unknown, _req: unknown, res: createExpress.Response, _next: unknown) => {
      res.status(500).send('sorry')
    })
    return { log, url: await listen(createServer(app).listen(0, '127.0.0.1')) }
  },
}

for (const [name, start] of Object.entries(apps)) {
  test(`${name}: a request is one event with what is known of it`, async () => {
    const { url, log } = await start(client())
    const headers = { 'user-agent': 'tester', 'x-request-id': 'r-1', authorization: 'Bearer s3cret' }
    assert.equal((await post(`${url}/hi?token=s3cret`, 'body!', headers)).body, 'body!')
    const [event] = await recorded(log, 1)
    const { time, duration_ms, ...rest } = event!
    assert.equal(new Date(time).toISOString(), time)
    assert.ok(duration_ms >= 0 && duration_ms < 60_000)
    assert.deepEqual(rest, {
      method: 'POST',
      path: '/hi',
      status: 201,
      request_bytes: 5,
      response_bytes: 5,
      user_agent: 'tester',
      request_id: 'r-1',
    })
  })

  test(`${name}: query, address and headers only where asked for, without their secrets`, async () => {
    const { url, log } = await start(client(), { query: true, ip: true, headers: ['cookie', 'x-tenant', 'x-none'] })
    await ask(`${url}/hi?a=1&api%5Fkey=s3cret&b=%20&access_token=s3cret`, {
      headers: { cookie: 'sid=s3cret', 'x-tenant': 't1' },
    })
    const [event] = await recorded(log, 1)
    assert.equal(event!.query, 'a=1&api%5Fkey=[redacted]&b=%20&access_token=[redacted]')
    assert.match(event!.ip!, /127\.0\.0\.1$/)
    assert.deepEqual(event!.headers, { cookie: '[redacted]', 'x-tenant': 't1' })
  })

  test(`${name}: an error is in the event, and the framework answers it as before`, async () => {
    const { url, log } = await start(client())
    const { status, body } = await ask(`${url}/error`)
    assert.deepEqual([status, body], [500, 'sorry'])
    const [event] = await recorded(log, 1)
    assert.equal(event!.status, 500)
    const { name: kind, message, stack } = event!.error as Record<string, string>
    assert.deepEqual([kind, message], ['TypeError', 'broken'])
    assert.match(stack!, /middleware\.test/)
  })

  test(`${name}: a stream is one event at its end`, async () => {
    const { url, log } = await start(client())
    assert.equal((await ask(`${url}/pieces`)).body, 'onetwo')
    assert.equal((await ask(`${url}/empty`)).status, 204)
    assert.equal((await ask(`${url}/none`)).status, 404)
    const events = await recorded(log, 3)
    assert.deepEqual(
      events.map(event => [event.path, event.status, event.aborted]),
      [
        ['/pieces', 200, undefined],
        ['/empty', 204, undefined],
        ['/none', 404, undefined],
      ],
    )
    assert.deepEqual([events[0]!.response_bytes, events[1]!.response_bytes], [6, 0])
  })

  test(`${name}: a request that its peer left is one event, and aborted`, async () => {
    const { url, log } = await start(client())
    await leave(`${url}/endless`)
    await recorded(log, 1)
    await ask(`${url}/hi`)
    const events = await recorded(log, 2)
    assert.deepEqual(
      events.map(event => [event.path, event.status, event.aborted]),
      [
        ['/endless', 200, true],
        ['/hi', 200, undefined],
      ],
    )
    assert.ok(events[0]!.response_bytes! >= 5)
  })

  test(`${name}: skip leaves requests out, enrich adds to them, and what these throw is in the event`, async () => {
    const { url, log } = await start(client(), {
      skip: ({ path, status }) => path === '/hi' && status === 200,
      enrich({ path }) {
        if (path === '/empty') throw new Error('hook')
        return { path: path.replace(/\/hi\/.*/, '/hi/:name'), tenant: 't1' }
      },
    })
    for (const path of ['/hi', '/hi/secret', '/empty']) await ask(url + path)
    const [hi, empty, ...none] = await recorded(log, 2)
    assert.deepEqual([hi!.path, hi!.tenant], ['/hi/:name', 't1'])
    assert.deepEqual([empty!.path, (empty!.hook_error as Error).message], ['/empty', 'hook'])
    assert.deepEqual(none, [])
  })

  test(`${name}: a client that is full or stopped never touches a request`, async () => {
    const { url, log } = await start(client(`http://127.0.0.1:${await freePort()}`))
    for (let n = 0; n < 3; n++) assert.equal((await ask(`${url}/hi`)).body, 'hello')
    while (log.stats().dropped.drop_newest < 2) await new Promise(resolve => setTimeout(resolve, 5))
    await log.close({ timeout: 0 })
    assert.equal((await ask(`${url}/hi`)).body, 'hello')
    while (log.stats().refused < 1) await new Promise(resolve => setTimeout(resolve, 5))
  })
}

test('without a framework, over HTTP/2, the body is counted once', async () => {
  const log = client()
  const requests = express(log)
  const server = createHttp2((req, res) =>
    requests(req as ExpressRequest, res, () => {
      res.write('one')
      res.end('two')
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(() => new Promise(resolve => server.close(resolve)))
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  open.push(() => session.close())
  await once(session.request({ ':path': '/h2?a=1' }).resume(), 'end')
  const [event] = await recorded(log, 1)
  assert.deepEqual([event!.path, event!.status, event!.response_bytes, event!.aborted], ['/h2', 200, 6, undefined])
})

test('hono away from Node: the event comes when the response is made, with what throws and what is left', async () => {
  const log = client()
  const app = new Hono()
  app.use(hono(log))
  app.get('/hi', c => c.text('hello', 200, { 'content-length': '5' }))
  app.get('/throw', () => {
    throw 'text'
  })
  assert.equal(await (await app.request('/hi?a=1')).text(), 'hello')
  await assert.rejects(async () => app.request('/throw'))
  const left = new AbortController()
  left.abort()
  await app.request(new Request('http://host/hi', { signal: left.signal }))
  const events = await recorded(log, 3)
  assert.deepEqual(
    events.map(({ path, status, response_bytes, aborted, error }) => [path, status, response_bytes, aborted, error]),
    [
      ['/hi', 200, 5, undefined, undefined],
      ['/throw', undefined, undefined, undefined, 'text'],
      ['/hi', 200, 5, true, undefined],
    ],
  )
})
