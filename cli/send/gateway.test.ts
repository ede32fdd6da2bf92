import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createClient } from '../http/client.ts'
import type { Batch } from './batch.ts'
import { ask, post, type Target } from './gateway.ts'

/** A gateway that gives the answers of a script, and keeps what it was asked: what a real one says only in trouble. */
interface Scripted {
  status: number
  headers?: Record<string, string>
  body?: string
}
const script: Scripted[] = []
const asked: { method?: string; url?: string; headers: IncomingMessage['headers']; body: Buffer }[] = []
const server = createServer(async (request, response) => {
  const { method, url, headers } = request
  asked.push({ method, url, headers, body: await buffer(request) })
  const { status, headers: sent, body } = script.shift()!
  response.writeHead(status, sent).end(body)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const client = createClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'a-token-of-16-characters')
after(() => {
  client.close()
  server.close()
})

const target: Target = { client, stream: 's', epoch: undefined, onError: 'stop', gzip: false }
const { signal } = new AbortController()
const batch: Batch = {
  offset: 100,
  body: Buffer.from('1\n2\n{x}\n4'),
  ends: Uint32Array.of(1, 3, 7, 9),
  dead: [],
  file: 'a.ndjson',
  line: 11,
}

const posting = (...answers: Scripted[]) => {
  script.splice(0, script.length, ...answers)
  return post(target, batch, 1, signal)
}
const asking = (...answers: Scripted[]) => {
  script.splice(0, script.length, ...answers)
  return ask(target, signal)
}

test('a batch is posted at its position, without what is stored of it', async () => {
  const body = JSON.stringify({ stream: 's', count: 104, accepted: 3, duplicates: 0, rejected: 0, errors: [] })
  assert.deepEqual(await posting({ status: 200, body }), {
    type: 'stored',
    count: 104,
    accepted: 3,
    duplicates: 0,
    rejected: 0,
  })
  const { method, url, headers, body: sent } = asked.at(-1)!
  assert.deepEqual([method, url, sent.toString()], ['POST', '/v1/events', '\n2\n{x}\n4'])
  assert.equal(headers['millrace-stream'], 's')
  assert.equal(headers['millrace-offset'], '101')
  assert.equal(headers['millrace-epoch'], undefined)
  assert.equal(headers.authorization, 'Bearer a-token-of-16-characters')
})

test('epoch, on_error, compression and a key beyond ASCII go along', async () => {
  script.splice(0, script.length, { status: 503 })
  await post({ client, stream: 'ä b', epoch: 7, onError: 'dead_letter', gzip: true }, batch, 0, signal)
  const { url, headers, body } = asked.at(-1)!
  assert.equal(url, '/v1/events?stream=%C3%A4+b&on_error=dead_letter')
  assert.equal(headers['millrace-stream'], undefined)
  assert.equal(headers['millrace-epoch'], '7')
  assert.equal(gunzipSync(body).toString(), '1\n2\n{x}\n4')
})

for (const status of [408, 425, 429, 500, 502, 503, 504, 507])
  test(`after ${status} the same may succeed later`, async () => {
    const answer: Scripted = { status, headers: { 'retry-after': '2' }, body: '{"error":"code","message":"why"}' }
    for (const event of [await posting(answer), await asking({ ...answer, body: undefined } as Scripted)]) {
      assert.equal(event.type, 'broken')
      assert.equal(event.type === 'broken' && event.retryAfter, 2000)
    }
  })

for (const status of [301, 400, 401, 403, 404, 409, 413, 415, 431, 501])
  test(`after ${status} trying again is of no use`, async () => {
    const body = '{"error":"code","message":"why"}'
    assert.deepEqual(await posting({ status, body }), { type: 'refused', reason: 'why (code)' })
  })

test('a bad event is told by its file and line there, with what was stored before it', async () => {
  const errors = [{ index: 1, line: 3, code: 'bad_event', message: 'unexpected "x" (line 3, byte 6)' }]
  const totals = { count: 102, accepted: 1, duplicates: 0, rejected: 0 }
  const body = JSON.stringify({ error: 'bad_event', message: 'm', stream: 's', ...totals, errors })
  assert.deepEqual(await posting({ status: 400, body }), {
    type: 'refused',
    reason: 'a.ndjson:13: unexpected "x" (bad_event)',
    stored: totals,
  })
})

test('a 200 that is not of a gateway ends it', async () => {
  for (const body of ['', '<html>', '12', '{"count":-1}'])
    assert.deepEqual(await posting({ status: 200, body }), {
      type: 'refused',
      reason: `${client.url} is not a Millrace gateway`,
    })
  assert.equal((await asking({ status: 200 })).type, 'refused')
})

test('no answer at all is a break', async () => {
  const nobody = createClient('http://127.0.0.1:1', undefined)
  const event = await ask({ ...target, client: nobody }, signal)
  assert.equal(event.type, 'broken')
  assert.match(event.type === 'broken' ? event.reason : '', /ECONNREFUSED/)
})

test('the count is asked of the stream, and a stream that does not exist has none', async () => {
  assert.deepEqual(await asking({ status: 200, headers: { 'millrace-count': '42' } }), { type: 'counted', count: 42 })
  assert.deepEqual([asked.at(-1)?.method, asked.at(-1)?.url], ['HEAD', '/v1/streams/s'])
  assert.deepEqual(await asking({ status: 404 }), { type: 'counted', count: 0 })
})

test('who may not look asks with an empty POST, which also tells why nothing may be sent', async () => {
  assert.deepEqual(await asking({ status: 403 }, { status: 200, body: '{"count":5}' }), { type: 'counted', count: 5 })
  assert.equal(asked.at(-1)?.headers['millrace-offset'], undefined)
  assert.equal(asked.at(-1)?.body.length, 0)
  const body = '{"error":"unauthorized","message":"no token"}'
  assert.deepEqual(await asking({ status: 401 }, { status: 401, body }), {
    type: 'refused',
    reason: 'no token (unauthorized)',
  })
})
