import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { decode } from './arrow.ts'
import { type Body, type ClickHouse, openClickHouse } from './client.ts'
import { describeTable } from './describe.ts'
import { exceptionIn, exceptionOf } from './failures.ts'
import { serverOf, type TestDatabase, testDatabase } from './harness.suite.ts'
import type { Server } from './keys.ts'

/** The wire as whole servers speak it: one of 2018 and, where it says so, today's engine. */

const { skip, at } = service('clickhouse18')
const today = service('clickhouse')
const old: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE18)
const now: TestDatabase = today.skip ? (undefined as never) : await testDatabase(today.at.CLICKHOUSE)

const bodyOf = (bytes: Buffer, encoding?: string): Body => ({
  size: bytes.length,
  encoding,
  open: () => Readable.from([bytes]),
})

function connect(server: Server, timeout = 10_000, signal = new AbortController().signal): ClickHouse {
  return openClickHouse({ server, timeout, signal })
}

for (const [name, db, why] of [
  ['18.16', old, skip],
  ['26', now, today.skip],
] as const) {
  test(`${name}: rows go in as text and come out by parameters`, { skip: why }, async () => {
    await db.run('CREATE TABLE wire (id UInt64, s String) ENGINE = MergeTree ORDER BY id')
    await db.insert(
      'INSERT INTO wire (id, s) FORMAT JSONEachRow',
      bodyOf(Buffer.from('{"id":1,"s":"ä"}\n{"id":2,"s":"it\'s"}\n')),
    )
    await db.insert('INSERT INTO wire (id, s) FORMAT CSV', bodyOf(gzipSync('18446744073709551615,"x"\n'), 'gzip'))
    assert.deepEqual(await db.rows('SELECT id, s FROM wire ORDER BY id'), [
      { id: '1', s: 'ä' },
      { id: '2', s: "it's" },
      { id: '18446744073709551615', s: 'x' },
    ])
  })

  test(`${name}: what the server says no to is an error with its code`, { skip: why }, async () => {
    for (const [sql, code, exception, message] of [
      ['SELEC 1', 'refused', 62, /Syntax error/],
      ['SELECT * FROM nowhere', 'refused', 60, /nowhere/],
      ['SELECT nme FROM system.one', 'refused', 47, /nme/],
      ["SELECT toUInt8('x')", 'bad_data', 6, /Cannot parse string 'x' as UInt8/],
    ] as const) {
      const error = await errorOf(db.rows(sql))
      assert.equal(exceptionOf(error), exception, error.message)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.match(error.message, /^clickhouse 127\.0\.0\.1:\d+: .*\(code \d+(, [A-Z_0-9]+)?\)$/s)
      assert.doesNotMatch(error.message, /e\.what|version \d/)
    }
  })

  test(`${name}: an insert of bad rows is an error, and none of them is there`, { skip: why }, async () => {
    await db.run('CREATE TABLE bad (id UInt64) ENGINE = MergeTree ORDER BY id')
    const settings = { input_format_allow_errors_num: 0 }
    const error = await errorOf(
      db.insert('INSERT INTO bad (id) FORMAT CSV', bodyOf(Buffer.from('1\n2\nx\n')), { settings }),
    )
    assert.equal(error.code, 'bad_data')
    assert.deepEqual(await db.rows('SELECT count() AS n FROM bad'), [{ n: '0' }])
  })
}

test('18.16: an error after the answer has begun is an error, though it says 200', { skip }, async () => {
  const sql =
    'SELECT toString(number) AS s, throwIf(number = 500000) AS t FROM system.numbers LIMIT 700000 FORMAT JSONEachRow'
  const bytes = Buffer.from(await old.bytes(sql, { settings: { max_block_size: 10_000 } }))
  assert.ok(bytes.length > 1_000_000)
  assert.equal(exceptionIn(bytes.subarray(-2000).toString())?.exception, 395)
  assert.throws(() => decode(bytes), { exception: 395 })
  const late = connect(old.server)
  const error = await errorOf(
    late.rows('SELECT toString(number) AS s, throwIf(number = 500000) AS t FROM system.numbers LIMIT 700000', {
      settings: { max_block_size: 10_000, wait_end_of_query: 0 },
    }),
  )
  assert.equal(exceptionOf(error), 395)
  await late.close()
})

test('18.16: a wrong password, an unknown user and one who may only read are told apart', { skip }, async () => {
  for (const [user, password, exception, message] of [
    ['default', 'wrong', 193, /Wrong password/],
    ['nobody', '', 192, /Unknown user/],
  ] as const) {
    const client = connect({ ...old.server, user, password })
    const error = await errorOf(client.rows('SELECT 1 AS a'))
    assert.equal(exceptionOf(error), exception)
    assert.equal(error.code, 'refused')
    assert.match(error.message, message)
    await client.close()
  }
  const reader = connect({ ...serverOf(at.CLICKHOUSE18), user: 'reader', password: 'reader' })
  const error = await errorOf(reader.rows('SELECT 1 AS a'))
  assert.equal(error.code, 'refused')
  assert.match(error.message, /the user needs readonly = 0 or 2/)
  await reader.close()
})

test('18.16: a query that takes too long ends by the server, and one that is given up by us', { skip }, async () => {
  const client = connect(old.server, 1000)
  const error = await errorOf(client.rows('SELECT count() AS n FROM system.numbers'))
  assert.equal(error.code, 'timeout')
  assert.match(error.message, /code 159/)
  await client.close()
  const controller = new AbortController()
  const given = connect(old.server, 60_000, controller.signal)
  const waiting = given.rows('SELECT sleep(3) AS n')
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await given.close()
})

test('18.16: an answer that is cut is no answer, and a server that is gone is unavailable', { skip }, async t => {
  const proxy = await openTcpProxy(new URL(old.server.url).host)
  t.after(() => proxy.close())
  const client = connect({ ...old.server, url: `http://127.0.0.1:${proxy.port}` })
  proxy.cutAnswerAfter(100_000)
  const cut = await errorOf(client.bytes('SELECT number FROM system.numbers LIMIT 1000000 FORMAT TSV'))
  assert.equal(cut.code, 'unavailable')
  proxy.refuse()
  assert.equal((await errorOf(client.rows('SELECT 1 AS a'))).code, 'unavailable')
  await client.close()
})

test('a server that answers everything with nothing is no ClickHouse without the table', async t => {
  const server = createServer((request, response) => {
    request.resume()
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const client = connect({ url: `http://127.0.0.1:${port}`, user: 'default', password: '', database: 'default' })
  t.after(() => client.close())
  const { code, message } = await errorOf(describeTable(client, { database: 'd', table: 't' }))
  assert.equal(code, 'refused')
  assert.match(message, /is no ClickHouse: it answers SELECT 1 with nothing/)
})

test('an answer that is not of ClickHouse says what it is', async t => {
  const answers = [
    { status: 502, body: '<html>Bad gateway</html>' },
    { status: 403, body: '' },
    { status: 200, body: '{"a":1}\n{"a":' },
  ]
  const server = createServer((request, response) => {
    const { status, body } = answers.shift()!
    request.resume()
    response.writeHead(status).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const client = connect({ url: `http://127.0.0.1:${port}`, user: 'default', password: '', database: 'default' })
  t.after(() => client.close())
  const asked = async () => {
    const { code, message } = await errorOf(client.rows('SELECT 1 AS a'))
    return `${code} ${message.replace(/\d+\.0\.0\.1:\d+/, 'HOST')}`
  }
  assert.equal(
    await asked(),
    'unavailable clickhouse HOST: the answer is 502, and not of ClickHouse: <html>Bad gateway</html>',
  )
  assert.equal(await asked(), 'refused clickhouse HOST: the answer is 403, and not of ClickHouse: it is empty')
  assert.equal(await asked(), 'unavailable clickhouse HOST: the answer is cut')
})
