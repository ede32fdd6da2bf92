import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { run, start } from '../harness/command.suite.ts'
import { gatewayOfFile, payloadsOf } from '../harness/gateway.suite.ts'
import { startProxy } from '../harness/proxy.suite.ts'
import { paramOf } from './query.ts'

const gateway = gatewayOfFile(async () => {
  await post('orders', '{"id":1,"amount":5}\n{"id":2,"amount":5000}\n')
  await post('späte/1', '{"id":12345678901234567890, "payload":1}\n')
})

async function post(stream: string, body: string): Promise<void> {
  const query = new URLSearchParams({ stream, on_error: 'dead_letter' })
  const answer = await fetch(`${gateway.url}/v1/events?${query}`, { method: 'POST', body })
  assert.equal(answer.status, 200, await answer.text())
}

const jsonLines = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line))

/** Every command looks the same through the gateway and into its store beside it. */
for (const [way, where] of [
  ['through the gateway', () => ['--url', gateway.url]],
  ['into the store', () => ['--store', gateway.store]],
] as const)
  describe(way, () => {
    const look = (...args: string[]) => run([...args, ...where()])

    test('streams are listed with their counts', async () => {
      const { code, stdout, stderr } = await look('streams', '--json')
      assert.equal(code, 0, stderr)
      const rows = jsonLines(stdout)
      assert.deepEqual(
        rows.slice(0, 2).map(({ stream_key, count, transport }) => ({ stream_key, count, transport })),
        [
          { stream_key: 'orders', count: 2, transport: 'http' },
          { stream_key: 'späte/1', count: 1, transport: 'http' },
        ],
      )
      assert.equal(jsonLines((await look('streams', '--json', '--limit', '1')).stdout).length, 1)
      assert.match((await look('streams')).stdout, /^stream +tenant +transport .*\n[- ]+\norders +http +127\.0\.0\.1/)
    })

    test('one stream is shown with the headers of the request that began it', async () => {
      const { code, stdout } = await look('streams', 'späte/1')
      assert.equal(code, 0)
      assert.match(stdout, /^host +127\.0\.0\.1/m)
      assert.equal(JSON.parse((await look('streams', 'späte/1', '--json')).stdout).count, 1)
    })

    test('a stream that is not there is a failure that names it', async () => {
      assert.deepEqual(await look('streams', 'none'), {
        code: 1,
        stdout: '',
        stderr: 'millrace: there is no stream none\n',
      })
      assert.equal((await look('streams', 'delete', 'none')).code, 1)
    })

    test('a deleted stream is gone', async () => {
      await post(`gone ${way}`, '1')
      const { code, stdout } = await look('streams', 'delete', `gone ${way}`, '--json')
      assert.deepEqual([code, JSON.parse(stdout)], [0, { stream: `gone ${way}`, deleted: true }])
      assert.equal((await look('streams', `gone ${way}`)).code, 1)
    })

    test('a query prints a table, JSON or CSV', async () => {
      const sql =
        "select payload->>'id' as id, payload->>'amount' as amount from events where payload->>'amount' > ? order by 1"
      const table = await look('query', sql, '--param', '1')
      assert.equal(table.code, 0, table.stderr)
      assert.equal(table.stdout, 'id  amount\n--  ------\n 1       5\n 2    5000\n')
      assert.deepEqual(jsonLines((await look('query', sql, '--param', '10', '--json')).stdout), [
        { id: 2, amount: 5000 },
      ])
      assert.equal((await look('query', sql, '--param', '10', '--csv')).stdout, 'id,amount\r\n2,5000\r\n')
    })

    test('the look at the data that users know works as written', async () => {
      const { stdout } = await look('query', 'select json_pretty(payload) from events limit 1')
      assert.equal(stdout, 'json_pretty(payload)\n--------------------\n{\n    "id": 1,\n    "amount": 5\n}\n')
      assert.match((await look('query', 'select json_pretty(headers) from streams limit 1')).stdout, /"host": "127/)
    })

    test('anything but a SELECT over the data is refused', async () => {
      const { code, stderr } = await look('query', 'delete from events')
      assert.equal(code, 1)
      assert.match(stderr, /^millrace: /)
      assert.equal((await look('query', 'select * from tokens')).code, 1)
    })

    test('tail prints payloads as they were sent, and ends after --lines', async () => {
      const { code, stdout, stderr } = await look('tail', '--from', 'earliest', '--lines', '3')
      assert.equal(code, 0, stderr)
      assert.equal(stdout, '{"id":1,"amount":5}\n{"id":2,"amount":5000}\n{"id":12345678901234567890, "payload":1}\n')
      const json = await look('tail', '--from', '3', '--lines', '1', '--json', '--stream', 'späte/1')
      assert.match(
        json.stdout,
        /^\{"event_id":3,"stream":"späte\/1","index":0,"received_at":\d{16},"payload":\{"id":12345678901234567890, "payload":1\}\}\n$/,
      )
    })

    test('tail filters by stream and SQL', async () => {
      const where = "payload->>'amount' > 10"
      const { stdout } = await look('tail', '--from', 'earliest', '--lines', '1', '--where', where)
      assert.equal(stdout, '{"id":2,"amount":5000}\n')
      const { code, stderr } = await look('tail', '--where', 'nonsense(')
      assert.equal(code, 1)
      assert.match(stderr, /^millrace: /)
    })

    test('tail follows until it is interrupted', async () => {
      const stream = `live ${way}`
      await post(stream, '0')
      const { child, ended } = start(['tail', '--stream', stream, '--from', 'earliest', ...where()])
      await once(child.stdout, 'data')
      await post(stream, '1\n2\n')
      await once(child.stdout, 'data')
      child.kill('SIGINT')
      const { code, stdout, stderr } = await ended
      assert.equal(code, 0, stderr)
      assert.match(stdout, /^0\n1\n/)
    })

    test('dead letters are listed, shown, retried and purged', async () => {
      const stream = `dead ${way}`
      await post(stream, '{"n":0}\n{"n":oops}\nÿ\n{bad\n{"n":4}\n')
      const list = async () => jsonLines((await look('dlq', 'list', '--json', '--stream', stream)).stdout)
      const [first, second, third] = await list()
      assert.deepEqual([first.index, first.text, second.index, third.index], [1, '{"n":oops}', 2, 3])
      assert.match(
        (await look('dlq', 'list', '--stream', stream)).stdout,
        /^id +stream +index +received +code +size +message\n/,
      )
      assert.match((await look('dlq', 'show', String(first.id))).stdout, /^text +\{"n":oops\}$/m)

      const still = await look('dlq', 'retry', String(first.id))
      assert.equal(still.code, 1)
      assert.match(
        still.stderr,
        new RegExp(`^millrace: dead letter ${first.id} is still no event: .*\\(bad_event\\)\\n$`),
      )
      const mended = await look('dlq', 'retry', String(first.id), '--payload', ' {"n":1} ', '--json')
      assert.equal(mended.code, 0, mended.stderr)
      assert.deepEqual(JSON.parse(mended.stdout), { retried: [first.id], failed: [] })
      assert.deepEqual((await payloadsOf(gateway.url, stream)).slice(0, 2), ['{"n":0}', '{"n":1}'])

      assert.equal((await look('dlq', 'show', String(first.id))).code, 1)
      assert.equal((await look('dlq', 'purge', String(second.id))).code, 0)
      assert.deepEqual(await look('dlq', 'purge', String(second.id), '--json'), {
        code: 1,
        stdout: '{"purged":0}\n',
        stderr: 'millrace: 1 of the dead letters were not there, 0 are purged\n',
      })
      assert.deepEqual(
        (await list()).map(({ id }) => id),
        [third.id],
      )
      assert.deepEqual(JSON.parse((await look('dlq', 'purge', '--all', '--json')).stdout), { purged: 1 })
      assert.deepEqual(await list(), [])
    })
  })

test('purge wants ids or --all, and not both', async () => {
  assert.equal((await run(['dlq', 'purge'])).code, 2)
  assert.equal((await run(['dlq', 'purge', '1', '--all'])).code, 2)
  assert.equal((await run(['dlq', 'retry', '1', '2', '--payload', '1'])).code, 2)
})

test('a result that was cut says so', async () => {
  const env = { MILLRACE__GATEWAY__QUERY__ROWS: '1' }
  const { code, stdout, stderr } = await run(['query', 'select 1 union all select 2', '--store', gateway.store], {
    env,
  })
  assert.equal(code, 0)
  assert.equal(stdout, '1\n-\n1\n')
  assert.match(stderr, /only the first 1 rows are shown/)
})

test('parameters are numbers, booleans, null or text, exactly', () => {
  const cases: [string, unknown][] = [
    ['5', 5],
    ['-1.5e3', -1500],
    ['"5"', '5'],
    ['true', true],
    ['null', null],
    ['error', 'error'],
    ['', ''],
    ['{"a":1}', '{"a":1}'],
    ['12345678901234567890', '12345678901234567890'],
    ['1e400', '1e400'],
  ]
  for (const [text, value] of cases) assert.equal(paramOf(text), value, text)
})

test('a list of many large dead letters is short, and ends', async () => {
  await post('large', `{"n":"${'x'.repeat(2 << 20)}\n`.repeat(6))
  for (const where of [
    ['--url', gateway.url],
    ['--store', gateway.store],
  ]) {
    const { code, stdout, stderr } = await run(['dlq', 'list', '--stream', 'large', '--json', ...where])
    assert.equal(code, 0, stderr)
    assert.deepEqual(
      jsonLines(stdout).map(({ text }) => text.length),
      Array.from({ length: 6 }, () => 1024),
    )
  }
  const purged = await run(['dlq', 'purge', '--all', '--json', '--url', gateway.url])
  assert.deepEqual(JSON.parse(purged.stdout), { purged: 6 })
})

test('a key that no stream can have is wrong usage', async () => {
  for (const key of ['', '.', '..', 'a\nb', 'ä'.repeat(129)])
    for (const args of [
      ['streams', key],
      ['streams', 'delete', key],
      ['tail', '--stream', key],
      ['dlq', 'list', '--stream', key],
    ])
      assert.equal((await run([...args, '--store', gateway.store])).code, 2, args.join(' '))
})

test('a tenant goes with a store: a gateway takes it from the token', async () => {
  const { code, stderr } = await run(['streams', '--tenant', 'a', '--url', gateway.url])
  assert.equal(code, 2)
  assert.match(stderr, /--tenant goes with --store/)
})

test('a store URL that none has is wrong usage, and its password stays unsaid', async () => {
  for (const args of [['streams'], ['dlq', 'list'], ['query', 'select 1'], ['token', 'list'], ['serve', '--port', '0']])
    assert.deepEqual(await run([...args, '--store', 'oracle://u:sekret@h/db']), {
      code: 2,
      stdout: '',
      stderr:
        'millrace: the store "oracle:"… is none of sqlite:, memory:, postgres:, postgresql: (the default is sqlite:./millrace.db)\n',
    })
  const { code, stderr } = await run(['streams', '--url', 'postgres://u:sekret@h/db'])
  assert.equal(code, 2)
  assert.doesNotMatch(stderr, /sekret/)
})

test('tail does not guess where to begin', async () => {
  assert.equal((await run(['tail', '--from', 'yesterday'])).code, 2)
})

test('without a gateway the failure says where it was looked for', async () => {
  const { code, stderr } = await run(['streams', '--url', 'http://127.0.0.1:1'])
  assert.equal(code, 1)
  assert.match(stderr, /^millrace: GET http:\/\/127\.0\.0\.1:1\/v1\/streams\S*: connect ECONNREFUSED 127\.0\.0\.1:1\n$/)
})

test('tail goes on behind the last event after a break, without gap or repeat', async () => {
  await post('broken', '0\n1\n2\n')
  const proxy = await startProxy(() => gateway.port, [{ cutAnswerAt: 500 }, 'refuse', { cutAnswerAt: 900 }])
  try {
    const { child, ended } = start([
      'tail',
      '--url',
      proxy.url,
      '--stream',
      'broken',
      '--from',
      'earliest',
      '--lines',
      '60',
    ])
    await once(child.stdout, 'data')
    for (let n = 3; n < 60; n++) await post('broken', String(n))
    const { code, stdout, stderr } = await ended
    assert.equal(code, 0, stderr)
    assert.equal(stdout, Array.from({ length: 60 }, (_, n) => `${n}\n`).join(''))
    assert.match(stderr, /connecting again/)
  } finally {
    proxy.close()
  }
})

test('tail goes on where the gateway says that it cut a slow follower off', async () => {
  const seen: (string | undefined)[] = []
  const server: Server = createServer((request, response) => {
    seen.push(request.headers['last-event-id'] as string | undefined)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('id: 1\ndata: {"event_id":1,"stream":"s","index":0,"received_at":1,"payload":"a"}\n\n')
    response.end('event: cut\ndata: {"code":"slow","message":"too slow","resume_after":7}\n\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { code, stdout, stderr } = await run(['tail', '--url', url, '--lines', '2'])
  server.close()
  assert.equal(code, 0)
  assert.equal(stdout, '"a"\n"a"\n')
  assert.match(stderr, /too slow \(slow\); connecting again/)
  assert.deepEqual(seen, [undefined, '7'])
})
