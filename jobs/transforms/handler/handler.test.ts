import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Field, type RecordBatch, Schema } from 'apache-arrow'
import { type Answering, serve, serveRaw, testNode } from '../../drivers/http/http.suite.ts'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { typeOf, withOp } from '../../runtime/batch/types.ts'
import { handler } from './handler.ts'

const columns = (types: Record<string, string>) =>
  new Schema(Object.entries(types).map(([name, type]) => new Field(name, typeOf(type), true)))
const accounts = withOp(columns({ id: 'int64', amount: 'float64' }))

function batchOfAll(schema: Schema, rows: readonly Row[]): RecordBatch {
  const { batch, refused } = batchOfRows(schema, rows)
  assert.deepEqual(refused, [])
  return batch!
}

interface Options {
  config?: Record<string, unknown>
  settings?: Record<string, unknown>
  schema?: Schema
  primaryKey?: readonly string[]
}

/** A handler in front of a server that answers so. */
async function setUp(t: TestContext, answering: Answering, options: Options = {}) {
  const { config = {}, settings = {}, schema = accounts, primaryKey = ['id'] } = options
  const { url, received } = await serve(t, answering)
  const node = testNode(t, { settings: { external_http_handler: settings } })
  const transform = await handler.open(
    handler.config.parse({ from: 'in', url, ...config }),
    new Map([['in', { schema, primaryKey }]]),
    node.context,
  )
  t.after(() => transform.close())
  const process = async (...lists: Row[][]) => {
    const batches = lists.map(rows => batchOfAll(schema, rows))
    return (await transform.process(batches, 'in')).flatMap(rowsOf)
  }
  return { url, received, transform, process, ...node }
}

const json = (response: ServerResponse, value: unknown, status = 200) =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
const echo: Answering = ({ body }, response) => void response.end(body)
const row = (id: number, op = 'i') => ({ id, amount: id / 2, _gs_op: op })

test('rows go out as one array, a row per line, and come back as rows', async t => {
  const { process, received, transform } = await setUp(t, echo)
  assert.deepEqual(await process([row(1), row(2, 'u')], [row(3, 'd')]), [row(1), row(2, 'u'), row(3, 'd')])
  assert.equal(
    received[0]?.body,
    '[{"id":1,"amount":0.5,"_gs_op":"i"},\n{"id":2,"amount":1,"_gs_op":"u"},\n{"id":3,"amount":1.5,"_gs_op":"d"}]\n',
  )
  assert.equal(received[0]?.headers['content-type'], 'application/json')
  assert.deepEqual(transform.schema, accounts)
})

test('payload version 1 wraps the row, and takes `data` back, with the op of its metadata', async t => {
  const { process, received } = await setUp(
    t,
    (_, response) => json(response, [{ data: { id: 1 } }, { metadata: { op: 'd' }, data: { id: 2 } }]),
    {
      config: { payload_version: 1 },
    },
  )
  assert.deepEqual(await process([row(1, 'u'), row(2)]), [
    { id: 1, amount: null, _gs_op: 'u' },
    { id: 2, amount: null, _gs_op: 'd' },
  ])
  assert.equal(
    received[0]?.body,
    '[{"metadata":{"op":"u"},"data":{"id":1,"amount":0.5,"_gs_op":"u"}},\n{"metadata":{"op":"i"},"data":{"id":2,"amount":1,"_gs_op":"i"}}]\n',
  )
})

test('one row per request: the body is the row itself, and the rows keep their order', async t => {
  const slowFirst: Answering = async (request, response) => {
    if (request.body.includes('"id":1')) await sleep(30)
    response.end(request.body)
  }
  const { process, received } = await setUp(t, slowFirst, { config: { one_row_per_request: true } })
  assert.deepEqual(await process([row(1), row(2), row(3)]), [row(1), row(2), row(3)])
  assert.deepEqual(received.map(({ body }) => body).sort()[0], '{"id":1,"amount":0.5,"_gs_op":"i"}')
})

test('a request has at most trigger_max_count rows', async t => {
  const { process, received, transform } = await setUp(t, echo, { settings: { trigger_max_count: 2 } })
  assert.equal((await process([row(1), row(2), row(3), row(4), row(5)])).length, 5)
  assert.deepEqual(received.map(({ body }) => JSON.parse(body).length).sort(), [1, 2, 2])
  assert.equal(transform.batching?.rows, 2)
})

test('requests run side by side up to buffer_size', async t => {
  let running = 0
  let most = 0
  const slow: Answering = async (request, response) => {
    most = Math.max(most, ++running)
    await sleep(10)
    running--
    response.end(request.body)
  }
  const { process } = await setUp(t, slow, { config: { one_row_per_request: true }, settings: { buffer_size: 8 } })
  const rows = Array.from({ length: 100 }, (_, at) => row(at))
  assert.deepEqual(await process(rows.slice(0, 50), rows.slice(50)), rows)
  assert.equal(most, 8)
})

test('schema_override changes, adds and leaves out columns', async t => {
  const { process, transform } = await setUp(
    t,
    (_, response) => json(response, [{ id: '7', tier: 'gold', extra: 1, at: '2026-01-02T03:04:05Z' }]),
    { config: { schema_override: { amount: null, id: 'string', tier: 'utf8', at: 'timestamp(us, UTC)' } } },
  )
  assert.deepEqual(
    transform.schema.fields.map(field => field.name),
    ['id', '_gs_op', 'tier', 'at'],
  )
  assert.deepEqual(await process([row(7)]), [{ id: '7', _gs_op: 'i', tier: 'gold', at: '2026-01-02T03:04:05Z' }])
})

test('an override of no type is an error at its key', async t => {
  await assert.rejects(setUp(t, echo, { config: { schema_override: { id: 'intt64' } } }), {
    code: 'bad_pipeline',
    path: ['schema_override', 'id'],
  })
})

test('numbers of 64 bits and long decimals go there and back exactly', async t => {
  const schema = columns({ id: 'int64', price: 'decimal128(38, 9)' })
  const { process } = await setUp(t, echo, { schema })
  const rows = [{ id: '9223372036854775807', price: '12345678901234567890.123456789' }]
  assert.deepEqual(await process(rows), rows)
})

test('the rows of an answer replace those that were sent: null drops one, more or fewer may come', async t => {
  const answers = [[null, { id: 2 }], [{ id: 1 }, { id: 11 }, { id: 12 }], [{ id: 3 }], []]
  const { process, dropped } = await setUp(t, (_, response, count) => json(response, answers[count - 1]))
  const ids = async () => (await process([row(1), row(2)])).map(({ id }) => id)
  assert.deepEqual(await ids(), [2])
  assert.equal(dropped(), 1)
  assert.deepEqual(await ids(), [1, 11, 12])
  assert.equal(dropped(), 1)
  assert.deepEqual(await ids(), [3])
  assert.deepEqual(await ids(), [])
  assert.equal(dropped(), 4)
})

test('204 leaves out the rows', async t => {
  const { process, dropped } = await setUp(t, (_, response) => void response.writeHead(204).end())
  assert.deepEqual(await process([row(1), row(2)]), [])
  assert.equal(dropped(), 2)
})

test('a row without _gs_op has that of the row with its key, wherever it stands', async t => {
  const { process } = await setUp(t, (_, response) => json(response, [{ id: 3 }, { id: 1 }, { id: '2' }, { id: 9 }]))
  assert.deepEqual(
    (await process([row(1, 'i'), row(2, 'u'), row(3, 'd')])).map(({ id, _gs_op }) => [id, _gs_op]),
    [
      [3, 'd'],
      [1, 'i'],
      [2, 'u'],
      [9, 'i'],
    ],
  )
})

test('the two rows of an update that have one key keep their ops in order', async t => {
  const { process } = await setUp(t, (_, response) => json(response, [{ id: 1 }, { id: 1 }]))
  assert.deepEqual(
    (await process([row(1, 'd'), row(1, 'i')])).map(({ _gs_op }) => _gs_op),
    ['d', 'i'],
  )
})

test('without a key, and with another number of rows, different ops cannot be told apart: an error that says so', async t => {
  const { process } = await setUp(t, (_, response) => json(response, [{ amount: 1 }]), { primaryKey: [] })
  await assert.rejects(process([row(1, 'i'), row(2, 'd')]), {
    code: 'bad_data',
    message: /2 rows of different _gs_op were sent, and 1 came back without/,
  })
})

test('a row of the answer that does not fit is a dead letter of the row that was sent, the others go on', async t => {
  const { process, dead, url } = await setUp(
    t,
    (_, response) => json(response, [{ id: 'x' }, { id: 2, _gs_op: 'z' }, { id: 3 }]),
    {
      primaryKey: [],
    },
  )
  assert.deepEqual(
    (await process([row(1), row(2, 'u'), row(3)])).map(({ id }) => id),
    [3],
  )
  assert.deepEqual(dead.map(({ code, row, message }) => [code, row, message]).sort(), [
    ['bad_response', row(1), `POST ${url}/: row 1 of the answer: column "id": "x" is no int64`],
    ['bad_response', row(2, 'u'), `POST ${url}/: row 2 of the answer: column "_gs_op": "z" is none of i, u and d`],
  ])
})

test('one row that comes back as several, of which one does not fit, is a dead letter and nothing else', async t => {
  const answering: Answering = ({ body }, response) =>
    json(response, body.includes('"id":1') ? [{ id: 1 }, null, { id: 'x' }, { id: 'y' }] : [{ id: 2 }, { id: 22 }])
  const { process, dead, dropped } = await setUp(t, answering, { config: { one_row_per_request: true } })
  assert.deepEqual(
    (await process([row(1), row(2, 'u')])).map(({ id, _gs_op }) => [id, _gs_op]),
    [
      [2, 'u'],
      [22, 'u'],
    ],
  )
  assert.deepEqual([dead.map(({ row }) => row), dropped()], [[row(1)], 0])
})

const nonsense: [string, string | Buffer][] = [
  ['HTML', '<html>Bad Gateway</html>'],
  ['nothing', ''],
  ['half an array', '[{"id":1},'],
  ['a number', '5'],
  ['a text', '"ok"'],
  ['an array of numbers', '[1,2]'],
  ['arrays in an array', '[[{"id":1}]]'],
  ['bytes', Buffer.from([0xff, 0xfe, 0x00])],
  ['a deep nesting', '['.repeat(100_000)],
]
for (const [name, body] of nonsense) {
  test(`an answer of ${name} is a dead letter where one row was sent`, async t => {
    const { process, dead } = await setUp(t, (_, response) => void response.end(body), {
      config: { one_row_per_request: true },
    })
    assert.deepEqual(await process([row(1), row(2)]), [])
    assert.deepEqual(dead.map(({ code, row }) => [code, row]).sort(), [
      ['bad_response', row(1)],
      ['bad_response', row(2)],
    ])
  })

  test(`an answer of ${name} ends the pipeline where several rows were sent`, async t => {
    const { process, dead } = await setUp(t, (_, response) => void response.end(body))
    await assert.rejects(process([row(1), row(2)]), { code: 'bad_data', message: /on_error: dead_letter/ })
    assert.deepEqual(dead, [])
  })
}

test('with on_error: dead_letter an answer that is no rows makes dead letters of all that were sent', async t => {
  const { process, dead } = await setUp(t, (_, response) => void response.end('no'), {
    config: { on_error: 'dead_letter' },
  })
  assert.deepEqual(await process([row(1), row(2)]), [])
  assert.deepEqual(
    dead.map(({ row }) => row),
    [row(1), row(2)],
  )
})

test('an answer above max_response_size is not taken', async t => {
  const { process } = await setUp(t, (_, response) => json(response, ['x'.repeat(10_000)]), {
    config: { max_response_size: '1KiB' },
  })
  await assert.rejects(process([row(1), row(2)]), {
    code: 'bad_data',
    message: /longer than 1024 bytes: raise max_response_size/,
  })
})

test('names of columns that mean something to JavaScript are names like others', async t => {
  const schema = columns({ id: 'int64', __proto__x: 'utf8', constructor: 'utf8' })
  const { process } = await setUp(
    t,
    (_, response) => void response.end('[{"id":1,"__proto__":{"constructor":"evil"}}]'),
    { schema },
  )
  assert.deepEqual(await process([{ id: 1 }]), [{ id: 1, __proto__x: null, constructor: null }])
})

test('400 and the like end the pipeline, with what the server said', async t => {
  const { process, url } = await setUp(t, (_, response) => void response.writeHead(422).end('no such id'), {
    config: { one_row_per_request: true },
  })
  await assert.rejects(process([row(1)]), {
    code: 'refused',
    message: `POST ${url}/: the server answered 422: no such id`,
  })
})

test('with on_error: dead_letter the rows of a refused request are kept aside, and the others go on', async t => {
  const picky: Answering = ({ body }, response) =>
    body.includes('"id":2') ? void response.writeHead(422).end('no') : void response.end(body)
  const { process, dead, url } = await setUp(t, picky, {
    config: { one_row_per_request: true, on_error: 'dead_letter' },
  })
  assert.deepEqual(await process([row(1), row(2), row(3)]), [row(1), row(3)])
  assert.deepEqual(dead, [{ code: 'http_422', message: `POST ${url}/: the server answered 422: no`, row: row(2) }])
})

test('what may pass is tried again until it does, and a Retry-After is waited for', async t => {
  const answers = [503, 429, 408, 200]
  const { process, retries, received, counts, url } = await setUp(t, ({ body }, response, count) => {
    const status = answers[count - 1]!
    response.writeHead(status, status === 429 ? { 'retry-after': '0' } : {}).end(status === 200 ? body : 'later')
  })
  assert.deepEqual(await process([row(1)]), [row(1)])
  assert.equal(received.length, 4)
  assert.deepEqual(
    retries.map(({ message }) => message),
    [503, 429, 408].map(status => `POST ${url}/: the server answered ${status}: later`),
  )
  assert.equal(retries[1]?.ms, 0)
  assert.equal(counts.get('http_retries'), 3)
})

test('a connection that breaks is tried again', async t => {
  const { process, retries } = await setUp(t, (request, response, count) => {
    if (count > 1) return void response.end(request.body)
    response.writeHead(200, { 'content-length': 1000 }).write('[')
    response.socket?.resetAndDestroy()
  })
  assert.deepEqual(await process([row(1)]), [row(1)])
  assert.equal(retries.length, 1)
})

test('a call that waits for its next try ends when the attempt does', async t => {
  const down = await setUp(t, (_, response) => {
    response.writeHead(503, { 'retry-after': '3600' }).end()
    setImmediate(() => down.abort())
  })
  await assert.rejects(down.process([row(1)]))
})

test('credentials in the address are sent, and never shown', async t => {
  let authorization: string | undefined
  const url = await serveRaw(t, (request, response) => {
    authorization = request.headers.authorization
    response.writeHead(400).end()
  })
  const node = testNode(t)
  const secret = url.replace('://', '://me:s3cret@')
  const transform = await handler.open(
    handler.config.parse({ from: 'in', url: `${secret}/?token=t0ken` }),
    new Map([['in', { schema: accounts, primaryKey: [] }]]),
    node.context,
  )
  t.after(() => transform.close())
  await assert.rejects(transform.process([batchOfAll(accounts, [row(1)])], 'in'), { message: /^POST http:\/\/127/ })
  await assert.rejects(
    transform.process([batchOfAll(accounts, [row(1)])], 'in'),
    (error: Error) => !/s3cret|t0ken/.test(error.message),
  )
  assert.equal(authorization, `Basic ${btoa('me:s3cret')}`)
})

test('only http and https are addresses', () => {
  for (const url of ['localhost:8087/enrich', 'ftp://a/b', 'file:///etc/passwd', '/enrich', ''])
    assert.equal(handler.config.safeParse({ from: 'in', url }).success, false, url)
  for (const url of ['http://localhost:8087/enrich', 'https://a.example', 'http://[::1]:80/x?y=z'])
    assert.equal(handler.config.safeParse({ from: 'in', url }).success, true, url)
})
