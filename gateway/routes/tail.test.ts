import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { createTestApp, type TestApp } from '../app.suite.ts'

const local = 'http://127.0.0.1:4318'
const headers = { host: '127.0.0.1:4318' }
const quiet = { heartbeatMs: 60_000, slowMs: 60_000 }

const post = ({ app }: TestApp, stream: string, body: string) =>
  app.request(`${local}/v1/events?stream=${stream}`, { method: 'POST', headers, body })
const followers = async ({ app }: TestApp) =>
  /^millrace_tail_followers (\d+)$/m.exec(await (await app.request(`${local}/metrics`, { headers })).text())?.[1]

/** What a follower is sent, until `enough` says so or it ends; then it goes away. */
async function follow(
  { app }: TestApp,
  query: string,
  enough: (text: string) => boolean = () => false,
  more: Record<string, string> = {},
): Promise<string> {
  const response = await app.request(`${local}/v1/tail?${query}`, { headers: { ...headers, ...more } })
  assert.equal(response.status, 200, `tail?${query}`)
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (!enough(text)) {
    const { done, value } = await reader.read()
    if (done) return text
    text += decoder.decode(value)
  }
  await reader.cancel()
  return text
}

/** What a follower is sent that begins, sees `act` happen, and is ended by the gateway. */
function outlive(app: TestApp, act: () => unknown, more: Record<string, string> = {}): Promise<string> {
  let acted = false
  const enough = (text: string) => {
    if (!acted && text.includes(': connected')) {
      acted = true
      void act()
    }
    return false
  }
  return follow(app, '', enough, more)
}

const token = (name: string, hash: string) => ({
  name,
  hash,
  scopes: ['read' as const],
  tenant: '',
  events_per_second: null,
  bytes_per_second: null,
  created_at: 1,
})
const cutOf = (text: string, event: string) => {
  const [, data, id] = new RegExp(`\\nevent: ${event}\\ndata: (.*)\\nid: (\\d+)\\n\\n$`).exec(text)!
  return { id: Number(id), ...(JSON.parse(data!) as { code: string; message: string; resume_after: number }) }
}

test('heartbeats with a later position reach a follower whose filter leaves out all that is stored', async () => {
  const app = await createTestApp({ heartbeatMs: 50, slowMs: 60_000 })
  await post(app, 'mine', '1')
  let heard = false
  const text = follow(app, 'stream=mine', t => (t.match(/: heartbeat\nid: \d+\n\n/g) ?? []).length === 2)
  void text.then(() => {
    heard = true
  })
  while (!heard) {
    await post(app, 'other', '2')
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  const ids = [...(await text).matchAll(/: heartbeat\nid: (\d+)/g)].map(match => Number(match[1]))
  assert.ok(ids[0]! > 1 && ids[1]! > ids[0]!, `${ids}`)
  await app.close()
})

for (const code of ['store_busy', 'store_unavailable'] as const)
  test(`a follower waits while the store is ${code}, and goes on where it was`, async () => {
    const app = await createTestApp(quiet)
    const { readTail } = app.store
    let failures = 0
    await post(app, 'a', '1')
    const text = follow(app, 'from=earliest', t => t.includes('"payload":2}'))
    app.store.readTail = async query => {
      if (query.after > 0 && ++failures < 3) throw new AppError(code, 'later', { retryAfter: 0.01 })
      return readTail(query)
    }
    await post(app, 'a', '2')
    assert.deepEqual(
      [...(await text).matchAll(/"payload":(.*)\}/g)].map(match => match[1]),
      ['1', '2'],
    )
    assert.ok(failures >= 3)
    await app.close()
  })

test('a follower of a token that is revoked is told so, and ends', async () => {
  const app = await createTestApp(quiet)
  const secret = 'a-secret-of-enough-length'
  await app.store.createToken(token('reader', createHash('sha256').update(secret).digest('hex')))
  await app.store.createToken(token('other', 'ab'.repeat(32)))
  const text = await outlive(app, () => app.store.revokeToken('reader', 2), { authorization: `Bearer ${secret}` })
  const { code, message } = cutOf(text, 'error')
  assert.deepEqual([code, message], ['unauthorized', 'the token reader was revoked'])
  await app.close()
})

test('a follower that came while no token was needed ends with the first token', async () => {
  const app = await createTestApp(quiet)
  const text = await outlive(app, () => app.store.createToken(token('first', 'ab'.repeat(32))))
  assert.equal(cutOf(text, 'error').code, 'unauthorized')
  await app.close()
})

for (const [how, query, more] of [
  ['a Last-Event-ID', '', { 'last-event-id': '500' }],
  ['a from', 'from=501', {}],
] as const)
  test(`${how} above all that the store ever had is told at once, with the position to go on at`, async () => {
    const app = await createTestApp(quiet)
    await post(app, 'a', '1\n2\n')
    const { id, code, resume_after } = cutOf(await follow(app, query, undefined, more), 'cut')
    assert.deepEqual([code, id, resume_after], ['gap', 2, 2])
    await app.close()
  })

test('a follower of a store that is replaced by a shorter one is told', async () => {
  const app = await createTestApp(quiet)
  await post(app, 'a', '1\n2\n3\n')
  const text = await outlive(app, () => {
    app.store.readTail = async () => ({ events: [], next: 1 })
    return post(app, 'a', '4')
  })
  const { code, resume_after } = cutOf(text, 'cut')
  assert.deepEqual([code, resume_after], ['gap', 1])
  await app.close()
})

test('HEAD of a tail answers as GET does, and starts no follower', async () => {
  const app = await createTestApp(quiet)
  const ask = (path: string) => app.app.request(local + path, { method: 'HEAD', headers })
  const head = await ask('/v1/tail')
  assert.deepEqual([head.status, head.headers.get('content-type')], [200, 'text/event-stream'])
  assert.equal((await ask('/v1/tail?stream=nowhere')).status, 404)
  assert.equal(await followers(app), '0')
  await app.close()
})

test('followers that went away, were cut or refused are not counted any more', async () => {
  const app = await createTestApp(quiet)
  await follow(app, '', t => t.includes(': connected'))
  assert.equal(await followers(app), '0')
  const text = await outlive(app, () => app.stop.abort())
  assert.equal(cutOf(text, 'cut').code, 'stopping')
  assert.equal(await followers(app), '0')
  await app.close()
})
