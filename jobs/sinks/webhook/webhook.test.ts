import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { type Answering, type Received, serve, testNode } from '../../drivers/http/http.suite.ts'
import { batchOfRows } from '../../runtime/batch/build.ts'
import { typeOf, withOp } from '../../runtime/batch/types.ts'
import type { Checkpoint } from '../../runtime/contract.ts'
import { webhook } from './webhook.ts'

const schema = withOp(new Schema([new Field('id', typeOf('int64'), true)]))
const stream = { schema, primaryKey: ['id'] }
const secret = `whsec_${Buffer.from('a key of thirty-two bytes, or so').toString('base64')}`

/** Rows with these ids, and an op each: `1`, `'2u'`. */
function batchOf(...ids: (number | string)[]): RecordBatch {
  const rows = ids.map(id => ({ id: Number.parseInt(String(id), 10), _gs_op: /[ud]$/.exec(String(id))?.[0] ?? 'i' }))
  return batchOfRows(schema, rows).batch!
}

const checkpoint = (epoch: number): Checkpoint => ({ epoch, from: {}, to: {} })

interface Options {
  config?: Record<string, unknown>
  settings?: Record<string, unknown>
}

async function setUp(t: TestContext, answering: Answering, { config = {}, settings = {} }: Options = {}) {
  const server = await serve(t, answering)
  const open = async () => {
    const node = testNode(t, { name: 'hook', settings })
    const parsed = webhook.config.parse({ from: 'in', url: server.url, ...config })
    await webhook.check(parsed, stream, node.context)
    const sink = await webhook.open(parsed, stream, node.context)
    t.after(() => sink.close())
    assert.equal(await sink.begin(), undefined)
    return { sink, ...node }
  }
  return { ...server, open, ...(await open()) }
}

const ok = (_: Received, response: ServerResponse) => void response.end('thanks')
const idsOf = ({ body }: Received): number[] => {
  const rows = JSON.parse(body) as { id: number } | { id: number }[]
  return (Array.isArray(rows) ? rows : [rows]).map(({ id }) => id)
}
const keyOf = ({ headers }: Received) => headers['idempotency-key']

test('all rows of an epoch have been answered when its commit resolves', async t => {
  const { sink, received, counts } = await setUp(t, ok)
  await sink.write(batchOf(1, '2u'), 1)
  await sink.write(batchOf('3d'), 1)
  assert.equal(received.length, 0)
  await sink.commit(checkpoint(1))
  assert.deepEqual(
    received.map(({ body }) => body),
    ['[{"id":1,"_gs_op":"i"},\n{"id":2,"_gs_op":"u"},\n{"id":3,"_gs_op":"d"}]\n'],
  )
  assert.equal(counts.get('http_delivered_rows'), 3)
})

test('an epoch without rows sends nothing', async t => {
  const { sink, received } = await setUp(t, ok)
  await sink.commit(checkpoint(1))
  assert.equal(received.length, 0)
})

test('requests are cut by rows, whatever batches they came in, and full ones do not wait for the commit', async t => {
  const seen = Promise.withResolvers<void>()
  const { sink, received } = await setUp(
    t,
    (_, response, count) => {
      response.end()
      if (count === 2) seen.resolve()
    },
    { config: { batch_size: 2 } },
  )
  await sink.write(batchOf(1), 1)
  await sink.write(batchOf(2, 3, 4, 5), 1)
  await seen.promise
  await sink.commit(checkpoint(1))
  assert.deepEqual(received.map(idsOf), [[1, 2], [3, 4], [5]])
})

test('trigger_max_count is the most that a request has', async t => {
  const { sink, received } = await setUp(t, ok, {
    config: { batch_size: 100 },
    settings: { external_http_handler: { trigger_max_count: 2 } },
  })
  await sink.write(batchOf(1, 2, 3), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(received.map(idsOf), [[1, 2], [3]])
})

test('payload version 1 and one row per request', async t => {
  const { sink, received } = await setUp(t, ok, { config: { payload_version: 1, one_row_per_request: true } })
  await sink.write(batchOf(1, '2d'), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(
    received.map(({ body }) => body),
    ['{"metadata":{"op":"i"},"data":{"id":1,"_gs_op":"i"}}', '{"metadata":{"op":"d"},"data":{"id":2,"_gs_op":"d"}}'],
  )
})

test('requests arrive one after the other, also when one is tried again', async t => {
  const { sink, received } = await setUp(
    t,
    async (_, response, count) => {
      await sleep(5)
      response.writeHead(count === 1 ? 503 : 200).end()
    },
    { config: { one_row_per_request: true } },
  )
  await sink.write(batchOf(1, 2, 3), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(received.flatMap(idsOf), [1, 1, 2, 3])
})

test('with parallelism as many requests are under way, and no more', async t => {
  let running = 0
  let most = 0
  const { sink, received } = await setUp(
    t,
    async (_, response) => {
      most = Math.max(most, ++running)
      await sleep(10)
      running--
      response.end()
    },
    { config: { one_row_per_request: true, parallelism: 5 } },
  )
  await sink.write(batchOf(...Array.from({ length: 50 }, (_, at) => at)), 1)
  await sink.commit(checkpoint(1))
  assert.equal(received.length, 50)
  assert.equal(most, 5)
})

test('rows that wait go out after batch_flush_interval', async t => {
  const arrived = Promise.withResolvers<void>()
  const { sink, received } = await setUp(
    t,
    (_, response) => {
      response.end()
      arrived.resolve()
    },
    { config: { batch_flush_interval: '10ms' } },
  )
  await sink.write(batchOf(1), 1)
  await arrived.promise
  await sink.write(batchOf(2), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(received.flatMap(idsOf), [1, 2])
})

test('the failure of a request that went out by time ends the next call', async t => {
  const { sink } = await setUp(t, (_, response) => void response.writeHead(400).end(), {
    config: { batch_flush_interval: '1ms' },
  })
  await sink.write(batchOf(1), 1)
  await assert.rejects(sink.commit(checkpoint(1)), { code: 'refused' })
})

test('an epoch that is run again makes the same requests with the same keys, whatever its batches', async t => {
  const { sink, received, open } = await setUp(t, ok, { config: { batch_size: 2 } })
  await sink.write(batchOf(1, 2, 3), 7)
  await sink.commit(checkpoint(7))
  await sink.close()
  const again = (await open()).sink
  await again.write(batchOf(1), 7)
  await again.write(batchOf(2), 7)
  await again.write(batchOf(3), 7)
  await again.commit(checkpoint(7))
  assert.deepEqual(received.slice(2).map(keyOf), received.slice(0, 2).map(keyOf))
  assert.match(keyOf(received[0]!) as string, /^local_app_v1\/test\/hook\/7\/0-[0-9a-f]{16}$/)
  assert.match(keyOf(received[1]!) as string, /^local_app_v1\/test\/hook\/7\/1-[0-9a-f]{16}$/)
})

test('other rows never have the same key, and each epoch counts from 0', async t => {
  const { sink, received } = await setUp(t, ok)
  for (const [epoch, id] of [
    [1, 1],
    [2, 1],
    [3, 5],
  ] as const) {
    await sink.write(batchOf(id), epoch)
    await sink.commit(checkpoint(epoch))
  }
  const again = await setUp(t, ok)
  await again.sink.write(batchOf(2), 1)
  await again.sink.commit(checkpoint(1))
  const keys = [...received, ...again.received].map(keyOf)
  assert.equal(new Set(keys).size, 4)
  assert.deepEqual(
    keys.map(key => /\/(\d+)-/.exec(key as string)?.[1]),
    ['0', '0', '0', '0'],
  )
})

test('all tries of a request have one key', async t => {
  const { sink, received } = await setUp(
    t,
    (_, response, count) => void response.writeHead(count < 3 ? 500 : 200).end(),
  )
  await sink.write(batchOf(1), 1)
  await sink.commit(checkpoint(1))
  assert.equal(received.length, 3)
  assert.equal(new Set(received.map(keyOf)).size, 1)
})

test('a name that no header can carry is written so that one can', async t => {
  const node = testNode(t, { name: 'hö ok\n.v1' })
  const { url, received } = await serve(t, ok)
  const sink = await webhook.open(webhook.config.parse({ from: 'in', url }), stream, node.context)
  t.after(() => sink.close())
  await sink.write(batchOf(1), 1)
  await sink.commit(checkpoint(1))
  assert.match(keyOf(received[0]!) as string, /^local_app_v1\/test\/h%C3%B6%20ok%0A%2Ev1\/1\/0-/)
})

test('an answer that a retry cannot help ends the pipeline, and no request begins after it', async t => {
  const { sink, received, url } = await setUp(t, (_, response) => void response.writeHead(410).end('gone'), {
    config: { one_row_per_request: true },
  })
  const run = async () => {
    await sink.write(batchOf(1, 2, 3), 1)
    await sink.commit(checkpoint(1))
  }
  await assert.rejects(run(), { code: 'refused', message: `POST ${url}/: the server answered 410: gone` })
  await assert.rejects(sink.write(batchOf(4), 1), { code: 'refused' })
  assert.equal(received.length, 1)
})

test('with on_error: dead_letter its rows are kept aside, as they came in, and the others go on', async t => {
  const { sink, dead, url } = await setUp(
    t,
    ({ body }, response) => void response.writeHead(body.includes('992') ? 422 : 200).end(),
    {
      config: { on_error: 'dead_letter', batch_size: 2 },
    },
  )
  await sink.write(batchOf(1, '9007199254740992d', 3), 1)
  await sink.commit(checkpoint(1))
  const message = `POST ${url}/: the server answered 422`
  assert.deepEqual(dead, [
    { code: 'http_422', message, row: { id: 1, _gs_op: 'i' } },
    { code: 'http_422', message, row: { id: '9007199254740992', _gs_op: 'd' } },
  ])
})

test('skip_on_error leaves out the rows of any answer but 2xx, with a warning, and counts them', async t => {
  const statuses = [500, 404, 302, 200]
  const { sink, received, warnings, dropped, counts, url } = await setUp(
    t,
    (_, response, count) => void response.writeHead(statuses[count - 1]!).end(),
    { config: { skip_on_error: true, batch_size: 2 } },
  )
  await sink.write(batchOf(1, 2, 3, 4, 5, 6, 7, 8), 1)
  await sink.commit(checkpoint(1))
  assert.equal(received.length, 4)
  assert.equal(dropped(), 6)
  assert.equal(counts.get('http_delivered_rows'), 2)
  assert.equal(warnings.length, 3)
  assert.equal(warnings[0], `POST ${url}/: the server answered 500: 2 rows are left out (skip_on_error)`)
})

test('skip_on_error still tries again what brought no answer', async t => {
  const { sink, received, dropped } = await setUp(
    t,
    (_, response, count) => {
      if (count === 1) response.socket?.resetAndDestroy()
      else response.end()
    },
    { config: { skip_on_error: true } },
  )
  await sink.write(batchOf(1), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual([received.length, dropped()], [2, 0])
})

test('skip_on_error and dead letters exclude each other', async t => {
  await assert.rejects(setUp(t, ok, { config: { skip_on_error: true, on_error: 'dead_letter' } }), {
    code: 'bad_pipeline',
    path: ['on_error'],
  })
})

test('a commit that waits for a server that is down ends when the attempt does', async t => {
  const down = await setUp(t, (_, response) => {
    response.writeHead(503, { 'retry-after': '3600' }).end()
    setImmediate(() => down.abort())
  })
  await down.sink.write(batchOf(1), 1)
  await assert.rejects(down.sink.commit(checkpoint(1)))
})

/** The function that the README gives to receivers. */
async function readmeVerify(): Promise<
  (headers: Received['headers'], body: string, secret: string, now?: number) => boolean
> {
  const code = /```js\n([\s\S]*?)```/.exec(readFileSync(new URL('README.md', import.meta.url), 'utf8'))![1]!
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).verify
}

test("a signed request passes the README's check, and nothing else does", async t => {
  const verify = await readmeVerify()
  const { sink, received } = await setUp(
    t,
    (_, response, count) => void response.writeHead(count === 1 ? 500 : 200).end(),
    {
      config: { signing_secret_name: 'Hook' },
      settings: { http_secret_value: { hook: secret } },
    },
  )
  await sink.write(batchOf(1), 1)
  await sink.commit(checkpoint(1))
  for (const { headers, body } of received) {
    assert.equal(headers['webhook-id'], headers['idempotency-key'])
    assert.equal(verify(headers, body, secret), true)
    assert.equal(verify(headers, `${body} `, secret), false)
    assert.equal(verify({ ...headers, 'webhook-id': 'x' }, body, secret), false)
    assert.equal(verify({ ...headers, 'webhook-signature': 'v1,AAAA' }, body, secret), false)
    assert.equal(verify(headers, body, secret.replace('whsec_', 'whsec_AAAA')), false)
    assert.equal(verify(headers, body, secret, Date.now() + 301_000), false)
  }
})

test('a signing secret that is missing or broken is an error at its key, without the secret', async t => {
  const config = { signing_secret_name: 'hook' }
  for (const hook of ['', 'whsec_', 'whsec_***'])
    await assert.rejects(setUp(t, ok, { config, settings: { http_secret_value: { hook } } }), (error: Error) => {
      assert.deepEqual((error as Error & { path: unknown }).path, ['signing_secret_name'])
      return !error.message.includes('***')
    })
})

test('the headers that the sink sets itself cannot be configured', async t => {
  await assert.rejects(setUp(t, ok, { config: { headers: { 'Webhook-Id': 'x' } } }), {
    path: ['headers', 'Webhook-Id'],
  })
})
