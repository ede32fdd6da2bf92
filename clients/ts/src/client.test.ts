import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConnectOptions, connect, type DropReason, type Stats } from './client.ts'

/** A client that reaches nobody: what it does with events before any network. */
function offline(options: Partial<ConnectOptions> = {}) {
  const client = connect({
    url: 'http://gateway.invalid',
    transport: 'post',
    fetch: () => new Promise<Response>(() => {}),
    ...options,
  })
  const drops: { reason: DropReason; events: number }[] = []
  const errors: string[] = []
  client.on('drop', drop => drops.push(drop))
  client.on('error', ({ error }) => errors.push(error.code))
  return { client, drops, errors }
}

function checkSum({ taken, acked, pending, dropped }: Stats): void {
  assert.equal(taken, acked + pending + dropped.drop_oldest + dropped.bad_event + dropped.closed)
}

const turn = () => new Promise(resolve => setImmediate(resolve))

test('what is no JSON is refused with a word, and never thrown', async () => {
  const { client, errors } = offline()
  const circle: Record<string, unknown> = {}
  circle.circle = circle
  const hostile = {
    toJSON() {
      throw new Error('no')
    },
  }
  for (const event of [undefined, () => 1, Symbol('s'), 1n, circle, hostile]) assert.equal(client.send(event), false)
  for (const text of ['', '{', '1 2', '{"a":1},{"a":2}', 'NaN', "'x'"]) assert.equal(client.sendJson(text), false)
  assert.deepEqual(new Set(errors), new Set(['invalid']))
  for (const event of [null, 0, '', false, [], {}, NaN, new Date(0)]) assert.equal(client.send(event), true)
  assert.equal(client.sendJson('{\n"a": 1,\r\n"b": 2\n}\n'), true)
  assert.deepEqual([client.stats().taken, client.stats().refused], [9, 12])
  checkSum(client.stats())
  await client.close({ timeout: 0 })
})

test('an event above the limit is refused', async () => {
  const { client, errors } = offline({ maxEventBytes: 10 })
  assert.equal(client.send('12345678'), true)
  assert.equal(client.send('123456789'), false)
  assert.equal(client.send('ääää'), true)
  assert.equal(client.send('äääää'), false)
  assert.deepEqual(errors, ['event_too_large', 'event_too_large'])
  await client.close({ timeout: 0 })
})

test('by default a full client refuses, and ready waits for room', async () => {
  const { client, drops } = offline({ maxBytes: 10 })
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(n => client.send(n)),
    [true, true, true, true, true, false],
  )
  let isReady = false
  const ready = client.ready().then(
    () => (isReady = true),
    () => {},
  )
  await turn()
  assert.equal(isReady, false)
  assert.deepEqual([client.stats().refused, client.stats().pendingBytes], [1, 10])
  await client.close({ timeout: 0 })
  await ready
  assert.equal(isReady, false)
  assert.deepEqual(drops, [{ reason: 'closed', events: 5 }])
  checkSum(client.stats())
})

test('an event larger than the memory that is allowed is taken alone', async () => {
  const { client } = offline({ maxBytes: 10 })
  assert.equal(client.send('x'.repeat(100)), true)
  assert.equal(client.send(1), false)
  await client.close({ timeout: 0 })
})

test('drop_newest loses the new event, counts and tells it', async () => {
  const { client, drops } = offline({ maxBytes: 10, overflow: 'drop_newest' })
  const taken = Array.from({ length: 8 }, (_, n) => client.send(n))
  assert.deepEqual(taken, [true, true, true, true, true, false, false, false])
  await turn()
  assert.deepEqual(drops, [{ reason: 'drop_newest', events: 3 }])
  assert.deepEqual([client.stats().dropped.drop_newest, client.stats().refused, client.stats().pending], [3, 0, 5])
  checkSum(client.stats())
  await client.close({ timeout: 0 })
})

test('drop_oldest loses the oldest events that were never sent, counts and tells them', async () => {
  const { client, drops } = offline({ maxBytes: 10, overflow: 'drop_oldest' })
  for (let n = 0; n < 8; n++) assert.equal(client.send(n), true)
  assert.equal(client.send('12345'), true)
  await turn()
  assert.deepEqual(drops, [{ reason: 'drop_oldest', events: 7 }])
  assert.deepEqual([client.stats().taken, client.stats().pending, client.stats().pendingBytes], [9, 2, 10])
  checkSum(client.stats())
  await client.close({ timeout: 0 })
})

test('what was sent once is not dropped, whatever the policy', async () => {
  const bodies: string[] = []
  const { client } = offline({
    maxBytes: 10,
    overflow: 'drop_oldest',
    batchMs: 0,
    fetch: async (_, init) => {
      bodies.push(String(init?.body))
      if (bodies.length === 1) return Response.json({ count: 0, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
      return new Promise<Response>(() => {})
    },
  })
  for (let n = 0; n < 5; n++) client.send(n)
  while (bodies.length < 2) await turn()
  assert.equal(client.send(5), false)
  assert.deepEqual(bodies, ['', '0\n1\n2\n3\n4\n'])
  assert.equal(client.stats().dropped.drop_newest, 1)
  await client.close({ timeout: 0 })
})

test('flush and close give up after their time, and tell what is left', async () => {
  const { client } = offline()
  client.send(1)
  await assert.rejects(client.flush({ timeout: 1 }), { code: 'timeout' })
  const flushing = assert.rejects(client.flush(), { code: 'closed' })
  assert.deepEqual(await client.close({ timeout: 1 }), { pending: 1 })
  await flushing
  assert.equal(client.state, 'closed')
  assert.equal(client.send(2), false)
  await assert.rejects(
    client.flush({ timeout: 1 }).then(() => client.ready()),
    { code: 'closed' },
  )
  assert.deepEqual(await client.close(), { pending: 1 }, 'closing twice is closing once')
})

test('a client without events is flushed, ready and closed at once', async () => {
  const { client } = offline()
  await client.flush()
  await client.ready()
  assert.deepEqual(await client.close(), { pending: 0 })
})

test('it can be declared with await using', async () => {
  let state = () => ''
  {
    await using client = offline().client
    state = () => client.state
  }
  assert.equal(state(), 'closed')
})

test('a caller that waits for room for an event that can never be taken is told so', async () => {
  const { client } = offline({ maxEventBytes: 10 })
  for (const event of [undefined, 1n, 'x'.repeat(20)]) {
    assert.equal(client.send(event), false)
    await assert.rejects(client.ready(), { code: typeof event === 'string' ? 'event_too_large' : 'invalid' })
  }
  client.send(1)
  await client.ready()
  await client.close({ timeout: 0 })
})

test('whatever a toJSON throws, and whatever an untyped caller gives, nothing is thrown', async () => {
  const { client } = offline()
  for (const thrown of [null, undefined, 1, 'text'])
    assert.equal(
      client.send({
        toJSON() {
          throw thrown
        },
      }),
      false,
    )
  for (const text of [null, undefined, 5, {}, '"\ud800"']) assert.equal(client.sendJson(text as string), false)
  assert.equal(client.stats().pendingBytes, 0)
  await client.close({ timeout: 0 })
})

test('an endless timeout is no short one, nor an endless Retry-After', async () => {
  let posts = 0
  const { client } = offline({
    fetch: async () => {
      posts++
      return new Response('', { status: 503, headers: { 'retry-after': '3000000' } })
    },
  })
  client.send(1)
  let isOver = false
  const flushed = client.flush({ timeout: Number.POSITIVE_INFINITY }).then(
    () => {},
    () => (isOver = true),
  )
  await new Promise(resolve => setTimeout(resolve, 20))
  assert.deepEqual([posts, isOver], [1, false])
  await client.close({ timeout: 0 })
  await flushed
})

test('an event for which dropping others makes no room costs none of them', async () => {
  let posts = 0
  const { client } = offline({
    maxBytes: 100,
    overflow: 'drop_oldest',
    batchMs: 0,
    fetch: async () =>
      ++posts === 1
        ? Response.json({ count: 0, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
        : new Promise<Response>(() => {}),
  })
  client.send('sent')
  while (posts < 2) await turn()
  for (let n = 0; n < 10; n++) client.send(n)
  assert.equal(client.send('x'.repeat(95)), false)
  const { dropped, pending } = client.stats()
  assert.deepEqual([dropped.drop_oldest, dropped.drop_newest, pending], [0, 1, 11])
  await client.close({ timeout: 0 })
})

test('a listener that throws does not keep others from hearing, nor the client from working', async t => {
  const uncaught: unknown[] = []
  const { client, errors } = offline()
  t.mock.method(globalThis, 'queueMicrotask', (work: () => void) => {
    try {
      work()
    } catch (error) {
      uncaught.push(error)
    }
  })
  const off = client.on('error', () => {
    throw new Error('listener')
  })
  client.on('error', ({ error }) => errors.push(error.code))
  client.send(undefined)
  off()
  client.send(undefined)
  assert.equal(uncaught.length, 1)
  assert.equal(errors.length, 4)
  await client.close({ timeout: 0 })
})

test('wrong options are told when the client is made', () => {
  const wrong: [Partial<ConnectOptions>, RegExp][] = [
    [{ url: 'nonsense' }, /Invalid URL/],
    [{ url: 'ftp://x' }, /is not http\(s\) or ws\(s\)/],
    [{ token: 'secret\nline' }, /^token: no header takes it$/],
    [{ transport: 'tcp' as 'post' }, /transport: tcp is none of auto websocket post/],
    [{ overflow: 'block' as 'refuse' }, /overflow: block is none of/],
    [{ onRefused: 'ignore' as 'skip' }, /onRefused: ignore is none of/],
    [{ maxBytes: -1 }, /maxBytes: -1/],
    [{ batchMs: Number.NaN }, /batchMs: NaN/],
  ]
  for (const [options, message] of wrong)
    assert.throws(() => connect({ url: 'http://127.0.0.1:1', ...options }), { name: 'TypeError', message })
})

test('without a stream the client makes a key that nobody else has', async () => {
  const [a, b] = [offline().client, offline().client]
  assert.match(a.key, /^[0-9a-f]{32}$/)
  assert.notEqual(a.key, b.key)
  await Promise.all([a.close({ timeout: 0 }), b.close({ timeout: 0 })])
})

test('the answer to each status is that of the law', async t => {
  const refusals: [number, string, string, 'waits' | 'stops'][] = [
    [408, 'timeout', '', 'waits'],
    [425, '', '', 'waits'],
    [429, 'rate_limited', '7', 'waits'],
    [500, 'internal', '', 'waits'],
    [502, '', '', 'waits'],
    [503, 'store_busy', '3', 'waits'],
    [504, '', '', 'waits'],
    [507, 'disk_full', '1', 'waits'],
    [409, 'gap', '', 'waits'],
    [301, '', '', 'stops'],
    [400, 'bad_request', '', 'stops'],
    [401, 'unauthorized', '', 'stops'],
    [403, 'forbidden', '', 'stops'],
    [404, 'not_found', '', 'stops'],
    [405, 'method_not_allowed', '', 'stops'],
    [409, 'fenced', '', 'stops'],
    [415, 'unsupported_encoding', '', 'stops'],
    [431, 'headers_too_large', '', 'stops'],
    [501, 'not_supported', '', 'stops'],
  ]
  for (const [status, error, retryAfter, what] of refusals)
    await t.test(`${status} ${error}: ${what}`, async () => {
      const waits: number[] = []
      const { client, errors } = offline({
        retryMinMs: 1,
        metric: (name, value) => name === 'retry_ms' && waits.push(value),
        fetch: async () =>
          new Response(error && JSON.stringify({ error, message: 'why' }), {
            status,
            headers: retryAfter ? { 'retry-after': retryAfter } : {},
          }),
      })
      client.send(1)
      while (errors.length === 0) await turn()
      assert.equal(errors[0], error || `http_${status}`)
      assert.equal(client.state, what === 'waits' ? 'waiting' : 'stopped')
      if (retryAfter) assert.equal(waits[0], Number(retryAfter) * 1000)
      assert.equal(client.stats().pending, 1, 'nothing is forgotten')
      if (what === 'stops') {
        await assert.rejects(client.flush(), { code: errors[0] })
        await assert.rejects(client.ready(), { code: errors[0] })
        assert.equal(client.send(2), false)
      }
      await client.close({ timeout: 0 })
    })
})

test('a token that is made anew is asked for again after a 401', async () => {
  const tokens: (string | null)[] = []
  const { client, errors } = offline({
    token: () => `token-${tokens.length}`,
    retryMinMs: 1,
    fetch: async (_, init) => {
      tokens.push(new Headers(init?.headers).get('authorization'))
      if (tokens.length === 1) return Response.json({ error: 'unauthorized', message: 'expired' }, { status: 401 })
      return Response.json({ count: tokens.length - 2, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
    },
  })
  client.send(1)
  await client.flush()
  assert.deepEqual(tokens, ['Bearer token-0', 'Bearer token-1', 'Bearer token-1'])
  assert.deepEqual(errors, ['unauthorized'])
  await client.close()
})

test('a batch that is too large for the gateway goes out in smaller ones', async () => {
  const sizes: number[] = []
  let count = 0
  const { client } = offline({
    retryMinMs: 1,
    fetch: async (_, init) => {
      const body = String(init?.body)
      sizes.push(body.length)
      if (body.length > 10)
        return Response.json({ error: 'body_too_large', message: '10 are allowed' }, { status: 413 })
      count += body.split('\n').length - 1
      return Response.json({ count, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
    },
  })
  for (let n = 0; n < 9; n++) client.send(n)
  client.send('too large alone')
  client.send(9)
  await client.flush()
  assert.equal(count, 10)
  const { acked, dropped, pending } = client.stats()
  assert.deepEqual([acked, dropped.bad_event, pending], [10, 1, 0])
  await client.close()
})

test('the count of an error settles nothing: it may be that of another producer', async () => {
  let posts = 0
  const { client, errors } = offline({
    epoch: 1,
    fetch: async () => {
      posts++
      if (posts < 3) return Response.json({ count: 0, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
      return Response.json({ error: 'fenced', message: 'epoch 2', count: 1 }, { status: 409 })
    },
  })
  client.send(1)
  await assert.rejects(client.flush(), { code: 'fenced' })
  assert.deepEqual(errors, ['fenced'])
  assert.deepEqual([client.stats().acked, client.stats().pending], [0, 1])
  await client.close({ timeout: 0 })
})

test('with replay a break before the caller has passed what the stream has costs nothing', async () => {
  let posts = 0
  const bodies: string[] = []
  const { client, errors } = offline({
    replay: true,
    retryMinMs: 1,
    fetch: async (_, init) => {
      const body = String(init?.body)
      if (body !== '') bodies.push(body)
      if (++posts === 2) return Response.json({}, { status: 503 })
      const count = 3 + (bodies.length > 1 ? 1 : 0)
      return Response.json({ count, accepted: 0, duplicates: 0, rejected: 0, errors: [] })
    },
  })
  for (const event of [0, 1, 2]) client.send(event)
  await client.flush()
  client.send(3)
  await client.flush()
  assert.deepEqual(bodies, ['3\n', '3\n'])
  assert.deepEqual(errors, ['http_503'])
  assert.deepEqual([client.stats().acked, client.stats().duplicates], [4, 3])
  await client.close()
})
