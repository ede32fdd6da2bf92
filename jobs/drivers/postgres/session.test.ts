import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'
import { openTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { changeOnce } from './change.ts'
import { open, openPlace, type Place, valuesOf } from './harness.suite.ts'
import { createPool, type PgPool } from './pool.ts'

const { skip, at } = service('postgres')

/** A table `t (n)` of the test's own, and a way to the server that can be cut. */
async function setUp(
  t: TestContext,
): Promise<Place & { proxy: TcpProxy; pool: PgPool; table: string; far: Place['server'] }> {
  const place = await openPlace(at.POSTGRES)
  const proxy = await openTcpProxy(place.server.port)
  const far = { ...place.server, port: proxy.port }
  const pool = createPool({ server: far, application: 'millrace test/pool', max: 2, acquireTimeout: 200 })
  t.after(async () => {
    await pool.close()
    await proxy.close()
    await place[Symbol.asyncDispose]()
  })
  const table = `${place.schema}.t`
  await place.session.query(`CREATE TABLE ${table} (n INTEGER)`)
  return { ...place, proxy, pool, table, far }
}

test('values come as numbers, booleans, bytes and arrays where these hold them, and as text', { skip }, async t => {
  const { session } = await setUp(t)
  const { rows, count } = await session.query(
    `SELECT 1::int2 AS a, 2147483647 AS b, 9007199254740993::int8 AS c, 1.50::numeric AS d, 'NaN'::float8 AS e, true AS f,
       '\\x00ff'::bytea AS g, '{1,NULL}'::int[] AS h, '{a,"b,c"}'::text[] AS i, '{"x": 1}'::json AS j,
       '2026-07-29 12:00:00.5+02'::timestamptz AS k, NULL AS l, 1::oid AS m WHERE $1 = 'ä'`,
    ['ä'],
  )
  assert.equal(count, 1)
  assert.deepEqual(rows[0], {
    a: 1,
    b: 2147483647,
    c: '9007199254740993',
    d: '1.50',
    e: Number.NaN,
    f: true,
    g: Buffer.from([0, 255]),
    h: [1, null],
    i: ['a', 'b,c'],
    j: '{"x": 1}',
    k: '2026-07-29 10:00:00.5+00',
    l: null,
    m: 1,
  })
})

test('the server knows who asks, and how long it may take', { skip }, async t => {
  const { server } = await setUp(t)
  const session = await open(server, { application: `millrace shop/${'x'.repeat(100)}`, statementTimeout: 1500 })
  const [row] = (await session.query('SHOW application_name; SHOW statement_timeout')).rows
  assert.deepEqual(row, { statement_timeout: '1500ms' })
  assert.deepEqual(await valuesOf(session, 'SHOW application_name'), [`millrace shop/${'x'.repeat(49)}`])
  await session.close()
  assert.equal((await errorOf(session.query('SELECT 1'))).message, `${session.label}: the connection is closed`)
})

test('a transaction that fails leaves nothing, and the session goes on', { skip }, async t => {
  const { session, table } = await setUp(t)
  await session.transaction(() => session.query(`INSERT INTO ${table} VALUES (1)`))
  const failing = session.transaction(async () => {
    await session.query(`INSERT INTO ${table} VALUES (2)`)
    await session.query('SELECT 1/0')
  })
  assert.equal((await errorOf(failing)).code, 'bad_data')
  const hidden = session.transaction(async () => {
    await session.query(`INSERT INTO ${table} VALUES (3)`)
    await session.query('SELECT 1/0').catch(() => {})
  })
  assert.match((await errorOf(hidden)).message, /the transaction had failed, and COMMIT took it back/)
  assert.deepEqual(await valuesOf(session, `SELECT n FROM ${table}`), [1])
})

test('a COPY that is refused, broken off or given up leaves nothing, and the session goes on', { skip }, async t => {
  const { session, table } = await setUp(t)
  const bad = session.copyIn(`COPY ${table} FROM STDIN`)
  await bad.write(Buffer.from('1\nx\n'))
  const { code, message } = await errorOf(bad.end())
  assert.equal(code, 'bad_data')
  assert.match(message, /invalid input syntax for type integer: "x" \(SQLSTATE 22P02\); COPY t, line 2, column n: "x"/)
  const wrong = session.copyIn('COPY nowhere FROM STDIN')
  assert.match(
    (await errorOf(wrong.write(Buffer.from('1\n')).then(() => wrong.end()))).message,
    /"nowhere" does not exist/,
  )
  const given = session.copyIn(`COPY ${table} FROM STDIN`)
  await given.write(Buffer.from('1\n'))
  await given.abort('never mind')
  await wrong.abort('it is over already')
  assert.deepEqual(await valuesOf(session, `SELECT n FROM ${table}`), [])
  const good = session.copyIn(`COPY ${table} FROM STDIN`)
  for (let n = 0; n < 100; n++) await good.write(Buffer.from(`${n}\n`))
  assert.equal(await good.end(), 100)
  assert.deepEqual(await valuesOf(session, `SELECT count(*) FROM ${table}`), ['100'])
  const empty = session.copyIn(`COPY ${table} FROM STDIN`)
  assert.equal(await empty.end(), 0)
})

test('rows come out as they are asked for; who leaves early breaks the session', { skip }, async t => {
  const { session } = await setUp(t)
  const chunks: Buffer[] = []
  for await (const chunk of session.copyOut('COPY (SELECT generate_series(1, 100000)) TO STDOUT')) chunks.push(chunk)
  assert.equal(Buffer.concat(chunks).toString().split('\n').length, 100_001)
  const failing = async () => {
    for await (const _ of session.copyOut('COPY (SELECT 1 / (n - 50000) FROM generate_series(1, 100000) n) TO STDOUT'));
  }
  assert.match((await errorOf(failing())).message, /division by zero/)
  assert.deepEqual(await valuesOf(session, 'SELECT 1'), [1])
  for await (const _ of session.copyOut('COPY (SELECT generate_series(1, 1000000)) TO STDOUT')) break
  assert.equal(session.broken, true)
  assert.match((await errorOf(session.query('SELECT 1'))).message, /rows were not read to their end/)
})

test('a statement can be cancelled, and is ended by its timeout', { skip }, async t => {
  const { session, server } = await setUp(t)
  const sleeping = errorOf(session.query('SELECT pg_sleep(60)'))
  await delay(20)
  await session.cancel()
  assert.deepEqual([(await sleeping).code, session.broken], ['timeout', false])
  const short = await open(server, { statementTimeout: 50 })
  const { code, message } = await errorOf(short.query('SELECT pg_sleep(60)'))
  assert.equal(code, 'timeout')
  assert.match(message, /canceling statement due to statement timeout \(SQLSTATE 57014\)$/)
  await short.close()
})

test('a network that says nothing any more is given up after twice the timeout', { skip }, async t => {
  const { proxy, far } = await setUp(t)
  for (const act of ['query', 'copyIn', 'copyOut'] as const) {
    const session = await open(far, { statementTimeout: 100 })
    proxy.hold()
    const work = {
      query: () => session.query('SELECT 1'),
      copyIn: () => session.copyIn('COPY t FROM STDIN').end(),
      copyOut: async () => {
        for await (const _ of session.copyOut('COPY (SELECT 1) TO STDOUT'));
      },
    }[act]
    const { code, message } = await errorOf(work())
    assert.equal(code, 'timeout', act)
    assert.match(message, /no answer within 0\.2 s: the connection is given up$/)
    assert.equal(session.broken, true)
    proxy.resume()
    await session.close()
  }
  proxy.hold()
  const { code } = await errorOf(open(far, { connectTimeout: 100 }))
  assert.equal(code, 'unavailable')
  proxy.resume()
})

test('an abort ends what waits at once', { skip }, async t => {
  const { server } = await setUp(t)
  const controller = new AbortController()
  const session = await open(server, { signal: controller.signal })
  const waiting = errorOf(session.query('SELECT pg_sleep(60)'))
  controller.abort()
  assert.equal((await waiting).code, 'unavailable')
  await assert.rejects(open(server, { signal: controller.signal }))
})

test('a connection that is cut is unavailable, inside COPY too, and the pool opens another one', { skip }, async t => {
  const { proxy, pool, table, session } = await setUp(t)
  await pool.use(held => held.query('SELECT 1'))
  proxy.cut()
  const copying = pool.use(async held => {
    const copy = held.copyIn(`COPY ${table} FROM STDIN`)
    proxy.cutAfter(100_000)
    for (;;) await copy.write(Buffer.from('1\n'.repeat(10_000)))
  })
  assert.equal((await errorOf(copying)).code, 'unavailable')
  assert.deepEqual(await pool.use(held => valuesOf(held, 'SELECT 1')), [1])
  assert.deepEqual(await valuesOf(session, `SELECT n FROM ${table}`), [])
})

for (const [what, cut, times] of [
  ['the answer of COMMIT is lost', (proxy: TcpProxy) => proxy.cutAnswerAfter(0), 1],
  ['COMMIT itself is lost', (proxy: TcpProxy) => proxy.cutAfter(0), 2],
] as const)
  test(`a change happens once where ${what}`, { skip }, async t => {
    const { proxy, pool, table, session } = await setUp(t)
    let tries = 0
    await changeOnce(pool, async held => {
      await held.query(`INSERT INTO ${table} VALUES (1)`)
      if (tries++ === 0) cut(proxy)
    })
    assert.equal(tries, times)
    assert.deepEqual(await valuesOf(session, `SELECT n FROM ${table}`), [1])
  })

test('a change that the server refuses is not tried again, and one that meets another is', { skip }, async t => {
  const { pool, table, session } = await setUp(t)
  await session.query(`CREATE UNIQUE INDEX ON ${table} (n); INSERT INTO ${table} VALUES (1)`)
  let tries = 0
  const refused = changeOnce(pool, held => {
    tries++
    return held.query(`INSERT INTO ${table} VALUES (1)`)
  })
  assert.deepEqual([(await errorOf(refused)).code, tries], ['bad_data', 1])
  await changeOnce(pool, async held => {
    tries++
    if (tries === 2) await held.query(`DO $$ BEGIN RAISE SQLSTATE '40001'; END $$`)
    await held.query(`INSERT INTO ${table} VALUES (2)`)
  })
  assert.equal(tries, 3)
})

test('who waits too long for a connection of the pool is told', { skip }, async t => {
  const { pool } = await setUp(t)
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const users = [pool.use(() => held), pool.use(() => held)]
  const { code, message } = await errorOf(pool.use(async () => {}))
  assert.equal(code, 'unavailable')
  assert.match(message, /none of 2 connections came free within 0\.2 s$/)
  const next = pool.use(async session => valuesOf(session, 'SELECT 1'))
  release()
  await Promise.all(users)
  assert.deepEqual(await next, [1])
})

test('a server that takes no writes is unavailable, unless reading is all that is wanted', { skip }, async t => {
  const { server, session, schema } = await setUp(t)
  await session.query(
    `CREATE USER ${schema}_r PASSWORD 'r'; ALTER USER ${schema}_r SET default_transaction_read_only = on`,
  )
  t.after(async () => {
    const admin = await open(server)
    await admin.query(`DROP USER ${schema}_r`)
    await admin.close()
  })
  const reader = { ...server, user: `${schema}_r`, password: 'r' }
  const { code, message } = await errorOf(open(reader))
  assert.equal(code, 'unavailable')
  assert.match(message, /the server takes no writes: it is a standby, or default_transaction_read_only is on$/)
  await (await open(reader, { readOnly: true })).close()
  const { password } = server
  // the next of several hosts is taken
  await (await open({ ...server, host: `127.0.0.1:x, ${server.host}`, password })).close()
})
