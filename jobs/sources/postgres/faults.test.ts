import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { manage, service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { allOf, openFor, partsOf, placeFor } from './harness.suite.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES
const own = service('postgres', 'source')
after(() => own.skip === false && manage('clean', 'postgres@source'))
const cuts = Number(process.env.MILLRACE_SOURCE_CUTS ?? 12)

const count = (rows: number) => Array.from({ length: rows }, (_, row) => row + 1)

test('a connection that is cut anywhere leaves no row out and doubles none', { skip }, async t => {
  const place = await placeFor(t, url)
  const proxy = await openTcpProxy(Number(new URL(url).port))
  t.after(() => proxy.close())
  await place.run(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO t SELECT n, repeat('x', 50) FROM generate_series(1, 20000) n`,
  )
  const retries: string[] = []
  const given = { tries: 100, settings: { port: proxy.port }, onRetry: (message: string) => void retries.push(message) }
  for (let round = 0; round < cuts; round++) {
    const source = await openFor(t, place, { table: 't', page_size: 3000, columns: 'id' }, given)
    const reader = source.read(await source.start())
    if (round % 3 === 0) proxy.cutAfter(round * 97)
    else proxy.cutAnswerAfter((round * 40_009) % 400_000)
    const seen = (await partsOf(reader)).flatMap(({ rows }) => rows.map(({ id }) => id))
    assert.deepEqual(seen, count(20_000))
    await source.close()
  }
  assert.ok(retries.length >= cuts / 2, `${retries.length} cuts were felt`)
})

test('a crash of the server is sat out', { skip: own.skip }, async t => {
  const place = await placeFor(t, own.at.POSTGRES)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)')
  const source = await openFor(t, place, { table: 't', page_size: 1000 }, { tries: 1000 })
  const reader = source.read(await source.start())
  const first = (await reader.next())!
  manage('restart', 'postgres@source')
  const rest = await partsOf(reader)
  assert.equal(first.batch.numRows + rest.reduce((sum, { rows }) => sum + rows.length, 0), 5000)
  // the session of the test itself went with the server
  const again = await placeFor(t, own.at.POSTGRES)
  await again.run(`DROP SCHEMA ${place.schema} CASCADE; CREATE SCHEMA ${place.schema}`)
  Object.assign(place.session, { query: again.session.query, close: async () => {} })
})

test('a page that takes too long is read in smaller ones', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run(`
    CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 300);
    CREATE FUNCTION slow(n INTEGER) RETURNS BOOLEAN LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN true; END $$`)
  const retries: string[] = []
  const given = {
    tries: 20,
    settings: { statement_timeout_secs: 0.25 },
    onRetry: (message: string) => void retries.push(message),
  }
  const source = await openFor(t, place, { table: 't', filter: `${place.schema}.slow(id)` }, given)
  const parts = await partsOf(source.read(await source.start()))
  assert.deepEqual(
    parts.flatMap(({ rows }) => rows.map(({ id }) => id)),
    count(300),
  )
  assert.match(retries[0]!, /canceling statement due to statement timeout .*: tries again with pages of 512 rows$/)
  assert.ok(parts.length > 2)
})

test('pages of wide rows stay small, and one that is far too large is cut', { skip }, async t => {
  const place = await placeFor(t, url)
  // what is alike is kept small on disk, so that this is made quickly
  await place.run(`CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
    INSERT INTO t SELECT n, CASE WHEN n > 1500 THEN repeat('x', 200000) ELSE '' END FROM generate_series(1, 2200) n`)
  const source = await openFor(t, place, { table: 't' })
  const reader = source.read(await source.start())
  const sizes: number[] = []
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) sizes.push(part.batch.numRows)
  await reader.close()
  assert.equal(
    sizes.reduce((sum, rows) => sum + rows, 0),
    2200,
  )
  // 64 MiB of the first page, then 8 MiB each
  assert.ok(sizes[0]! < 1500 + 340 && sizes[0]! > 1500 + 320, String(sizes))
  assert.ok(Math.max(...sizes.slice(2)) <= 45, String(sizes))
})

test('a reader that is closed in the middle leaves the source to the next one', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)')
  const source = await openFor(t, place, { table: 't', page_size: 100 }, { tries: 5 })
  const start = await source.start()
  for (let round = 0; round < 5; round++) {
    const reader = source.read(start)
    const pending = [reader.next(), reader.close()]
    await Promise.allSettled(pending)
  }
  const parts = await partsOf(source.read(start), 3)
  assert.equal((await allOf(source, parts.at(-1)!.position)).length, 4700)
})

test('an abort ends a page that is under way', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)')
  const controller = new AbortController()
  const source = await openFor(t, place, { table: 't' }, { more: { signal: controller.signal } })
  const other = await placeFor(t, url)
  await other.run(`BEGIN; LOCK TABLE ${place.schema}.t`)
  const waiting = errorOf(source.read(await source.start()).next())
  const blocked = `SELECT FROM pg_locks WHERE NOT granted AND relation = '${place.schema}.t'::regclass`
  while ((await place.run(blocked)).length === 0);
  controller.abort()
  const { code } = await waiting
  await other.run('ROLLBACK')
  assert.equal(code, 'unavailable')
})

test('a table that goes away ends the pipeline, and is named', { skip }, async t => {
  const place = await placeFor(t, url)
  await place.run('CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)')
  const source = await openFor(t, place, { table: 't' })
  await place.run('DROP TABLE t')
  const { code, message } = await errorOf(allOf(source))
  assert.equal(code, 'bad_pipeline')
  assert.match(message, /relation "t_\w+\.t" does not exist/)
})
