import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { AppError } from '../core/errors.ts'
import { createTestApp } from './app.suite.ts'

/** The routes as any runtime with web standards sees them. */

const local = 'http://127.0.0.1:4318'
const headers = { host: '127.0.0.1:4318' }

test('events go in over web streams, whole, in pieces and compressed', async () => {
  const { app, close } = await createTestApp()
  const post = (body: BodyInit, more: Record<string, string> = {}, path = '/v1/events?stream=a') =>
    app.request(local + path, { method: 'POST', headers: { ...headers, ...more }, body, duplex: 'half' } as RequestInit)
  assert.deepEqual(await (await post('1\n2\n')).json(), {
    stream: 'a',
    count: 2,
    accepted: 2,
    duplicates: 0,
    rejected: 0,
    errors: [],
  })
  const pieces = new ReadableStream({
    start(controller) {
      for (const byte of new TextEncoder().encode('{"a":"ä"}')) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  assert.equal(((await (await post(pieces)).json()) as { count: number }).count, 3)
  assert.equal(
    await (await post(new Uint8Array(gzipSync('4')), { 'content-encoding': 'gzip' }, '/?stream=a')).text(),
    '4',
  )
  assert.equal((await post('1', { 'content-encoding': 'br' })).status, 415)
  assert.equal((await post(new Uint8Array(gzipSync(' '.repeat(2 << 20))), { 'content-encoding': 'gzip' })).status, 413)
  const counts = await (await post('5\n', { accept: 'application/x-ndjson' })).text()
  assert.match(counts, /^\{"stream":"a","count":5,.*\}\n$/)
  assert.equal(
    await (await app.request(`${local}/v1/streams/a/events?from=2`, { headers })).text(),
    '{"a":"ä"}\n4\n5\n',
  )
  await close()
})

test('a refused POST tells what is stored, and leaves the count out only where it is not known', async () => {
  const { app, store, close } = await createTestApp()
  const post = async (path: string, more: Record<string, string> = {}) => {
    const answer = await app.request(local + path, { method: 'POST', headers: { ...headers, ...more }, body: '1\n' })
    const { error, stream, count } = (await answer.json()) as { error: string; stream: string | null; count?: number }
    return [error, stream !== null, count]
  }
  assert.deepEqual(await post('/v1/events', { 'content-encoding': 'lzma' }), ['unsupported_encoding', false, 0])
  const { append } = store
  for (const code of ['disk_full', 'store_unavailable', 'store_busy'] as const) {
    store.append = () => Promise.reject(new AppError(code, 'no'))
    assert.deepEqual(await post('/v1/events'), [code, true, 0])
    assert.deepEqual(await post('/v1/events?stream=a'), [code, true, undefined])
  }
  store.append = append
  await close()
})

test('a long POST over web standards that cannot be stored is told at once', async () => {
  const { app, close } = await createTestApp()
  const body = new ReadableStream({ start: controller => controller.enqueue(new TextEncoder().encode('1\n')) })
  const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
  const answer = await app.request(`${local}/v1/events?stream=a&offset=9`, init)
  assert.deepEqual([answer.status, ((await answer.json()) as { error: string }).error], [409, 'gap'])
  await close()
})

test('a browser may read the headers that it needs to resume', async () => {
  const { app, close } = await createTestApp()
  await app.request(`${local}/?stream=a&epoch=3`, { method: 'POST', headers, body: '1' })
  const from = { ...headers, origin: 'https://app.example' }
  const head = await app.request(`${local}/v1/streams/a`, { method: 'HEAD', headers: from })
  assert.equal(head.headers.get('millrace-epoch'), '3')
  assert.match(head.headers.get('access-control-expose-headers')!, /millrace-count, millrace-epoch/)
  await close()
})

test('metrics count what was done, health and readiness tell how it stands', async () => {
  const { app, stop, close } = await createTestApp()
  await app.request(`${local}/`, { method: 'POST', headers, body: '1\n2\n' })
  const text = await (await app.request(`${local}/metrics`, { headers })).text()
  assert.match(text, /^millrace_ingest_events_total\{transport="http",outcome="accepted"\} 2$/m)
  assert.match(text, /^millrace_store_healthy_ratio 1$/m)
  assert.equal((await app.request(`${local}/readyz`)).status, 200)
  stop.abort()
  const ready = await app.request(`${local}/readyz`)
  assert.deepEqual([ready.status, ((await ready.json()) as { status: string }).status], [503, 'stopping'])
  assert.equal((await app.request(`${local}/healthz`)).status, 200)
  await close()
})

test('a query and an admin request must be application/json, with fields of the right form', async () => {
  const { app, close } = await createTestApp()
  const send = (path: string, body: string, type = 'application/json') =>
    app.request(local + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': type, 'content-length': String(body.length) },
      body,
    })
  for (const [path, body, type, status] of [
    ['/v1/query', '{"sql":"select 1"}', 'text/plain', 415],
    ['/v1/query', '{"sql":"select 1"}', 'application/jsonp', 415],
    ['/v1/query', '{', 'application/json', 400],
    ['/v1/query', '[]', 'application/json', 400],
    ['/v1/query', '{"sql":1}', 'application/json', 400],
    ['/v1/query', '{"sql":"select 1","params":[{}]}', 'application/json', 400],
    ['/v1/query', '{"sql":"select 1"}', 'application/json', 501],
    ['/v1/dead-letters/retry', '{"ids":["1"]}', 'application/json', 400],
    ['/v1/dead-letters/retry', '{"ids":[1,2],"payload":"1"}', 'application/json', 400],
  ] as const)
    assert.equal((await send(path, body, type)).status, status, `${path} ${body} ${type}`)
  await close()
})

test('numbers of the query string are checked', async () => {
  const { app, close } = await createTestApp()
  await app.request(`${local}/?stream=a`, { method: 'POST', headers, body: '1' })
  for (const path of [
    '/v1/streams?limit=x',
    '/v1/streams?limit=100000',
    '/v1/streams/a/events?from=-1',
    '/v1/streams/a/events?limit=1e3',
    '/v1/streams/%FF',
  ])
    assert.equal((await app.request(local + path, { headers })).status, 400, path)
  await close()
})

test('a key of any characters is reached percent-encoded', async () => {
  const { app, close } = await createTestApp()
  const key = 'a/b?c#d%20 ä/events'
  await app.request(`${local}/v1/events?stream=${encodeURIComponent(key)}`, { method: 'POST', headers, body: '1' })
  const found = await app.request(`${local}/v1/streams/${encodeURIComponent(key)}`, { headers })
  assert.equal(((await found.json()) as { stream_key: string }).stream_key, key)
  assert.equal(
    await (await app.request(`${local}/v1/streams/${encodeURIComponent(key)}/events`, { headers })).text(),
    '1\n',
  )
  await close()
})

test('a follower that takes nothing is cut off with the position to resume at', async () => {
  const { app, close } = await createTestApp({ heartbeatMs: 1000, slowMs: 50 })
  const body = `${JSON.stringify('x'.repeat(500))}\n`.repeat(1500)
  await app.request(`${local}/?stream=a`, { method: 'POST', headers, body })
  const response = await app.request(`${local}/v1/tail?from=earliest`, { headers })
  await new Promise(resolve => setTimeout(resolve, 300))
  const text = await response.text()
  const cut = /event: cut\ndata: (.*)\n/.exec(text)
  const { code, resume_after } = JSON.parse(cut![1]!) as { code: string; resume_after: number }
  const last = [...text.matchAll(/^id: (\d+)$/gm)].at(-1)![1]
  assert.deepEqual([code, String(resume_after)], ['slow', last])
  await close()
})

test('a quiet tail sends heartbeats with its position', async () => {
  const { app, close } = await createTestApp({ heartbeatMs: 20, slowMs: 1000 })
  await app.request(`${local}/`, { method: 'POST', headers, body: '1' })
  const reader = (await app.request(`${local}/v1/tail`, { headers })).body!.getReader()
  let text = ''
  while (!text.includes(': heartbeat\nid: 1\n\n')) text += new TextDecoder().decode((await reader.read()).value)
  assert.match(text, /^: connected\nid: 1\n\n/)
  await reader.cancel()
  await close()
})
