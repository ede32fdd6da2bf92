import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createDatabase } from '../../../../gateway/store/postgres/database.suite.ts'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { manage, service } from '../../../../test/support/servers.ts'
import { openTcpProxy } from '../../../../test/support/tcp-proxy.ts'
import { errorOf } from '../../../runtime/harness/error.suite.ts'
import { append, collect, makePostgresStore, openFor, readAll } from '../harness.suite.ts'

const { skip, at } = service('postgres')
const make = makePostgresStore(skip === false ? await testDatabase(at.POSTGRES) : undefined)
const crashing = service('postgres', 'events')
after(() => crashing.skip === false && manage('clean', 'postgres@events'))
const cuts = Number(process.env.MILLRACE_EVENTS_CUTS ?? 12)
const bounded = { mode: { type: 'bounded' } }

const payloads = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `"${from + i} ${'x'.repeat(40)}"`)
const payloadsOf = (rows: readonly Record<string, unknown>[]) => rows.map(row => row.payload)

test('a connection that is cut anywhere leaves no row out and doubles none', { skip }, async t => {
  const own = await make(t)
  const sent = payloads(8000)
  await append(await own.open(), 'k', sent)
  const url = new URL(own.url)
  const proxy = await openTcpProxy(Number(url.port))
  t.after(() => proxy.close())
  url.port = String(proxy.port)
  const retries: string[] = []
  const options = {
    tries: 100,
    settings: { record_batch_size: 1500 },
    onRetry: (message: string) => void retries.push(message),
  }
  for (let round = 0; round < cuts; round++) {
    if (round % 3 === 0) proxy.cutAfter(round * 97)
    else proxy.cutAnswerAfter((round * 40_009) % 400_000)
    const source = await openFor(t, { store: url.href, columns: 'payload', ...bounded }, options)
    assert.deepEqual(payloadsOf((await readAll(source)).rows), sent)
    await source.close()
  }
  assert.ok(retries.length >= cuts / 2, `${retries.length} cuts were felt`)
})

test('a follower whose connections are cut goes on, with or without being told of rows', { skip }, async t => {
  const own = await make(t)
  const store = await own.open()
  const url = new URL(own.url)
  const proxy = await openTcpProxy(Number(url.port))
  t.after(() => proxy.close())
  url.port = String(proxy.port)
  const warnings: string[] = []
  const options = { tries: 1000, onWarn: (message: string) => void warnings.push(message) }
  const source = await openFor(t, { store: url.href, columns: 'payload' }, options)
  const reader = source.read(await source.start())
  const sent: string[] = []
  const seen: unknown[] = []
  for (let round = 0; round < 6; round++) {
    const pending = collect(reader, 10)
    const more = payloads(10, 10 * round)
    if (round % 2 === 0) proxy.cut()
    else proxy.refuse()
    await append(store, 'k', more)
    proxy.accept()
    sent.push(...more)
    seen.push(...payloadsOf((await pending).rows))
  }
  assert.deepEqual(seen, sent)
  assert.ok(warnings.every(message => /looks for new rows every 1 s, until it is told of them again/.test(message)))
  await reader.close()
})

test('a crash of the server is sat out', { skip: crashing.skip }, async t => {
  // its connections are prepared to end
  const { url, sql, drop } = await createDatabase(crashing.at.POSTGRES)
  const own = await makePostgresStore({ url, query: sql })(t)
  const store = await own.open()
  await append(store, 'k', payloads(500))
  const options = { tries: 1000, settings: { record_batch_size: 200 } }
  const source = await openFor(t, { store: own.url, columns: 'payload' }, options)
  const ending = await openFor(t, { store: own.url, columns: 'payload', ...bounded }, options)
  const reader = source.read(await source.start())
  const endingReader = ending.read(await ending.start())
  const first = await collect(reader, 200)
  const begun = await collect(endingReader, 200)
  manage('restart', 'postgres@events')
  await append(store, 'k', payloads(500, 500))
  const rest = await collect(reader, 800)
  assert.deepEqual(payloadsOf([...first.rows, ...rest.rows]), payloads(1000))
  assert.deepEqual(payloadsOf([...begun.rows, ...(await collect(endingReader)).rows]), payloads(500))
  await reader.close()
  await endingReader.close()
  await store.close()
  await Promise.all([source.close(), ending.close()])
  await drop()
})

test('a store that goes away while it is followed ends the pipeline, and is named', { skip }, async t => {
  const own = await make(t)
  const store = await own.open()
  await append(store, 'k', ['1'])
  const source = await openFor(t, { store: own.url })
  const reader = source.read(await source.start())
  await collect(reader, 1)
  await store.close()
  const pending = errorOf(reader.next())
  await own.run('drop table events')
  const { code, message } = await pending
  assert.equal(code, 'state')
  assert.ok(message.includes(`the store ${own.shown} is not as it was when it was opened`), message)
  await reader.close()
})

test(
  'a reader that waits for its server to come back can be closed, and so can one in the middle of a page',
  {
    skip,
  },
  async t => {
    const own = await make(t)
    const sent = payloads(5000)
    await append(await own.open(), 'k', sent)
    const url = new URL(own.url)
    const proxy = await openTcpProxy(Number(url.port))
    t.after(() => proxy.close())
    url.port = String(proxy.port)
    let retried: () => void = () => {}
    const waiting = new Promise<void>(resolve => {
      retried = resolve
    })
    const aborting = new AbortController()
    t.after(() => aborting.abort())
    const options = { tries: Number.POSITIVE_INFINITY, onRetry: () => retried(), signal: aborting.signal }
    const source = await openFor(t, { store: url.href, columns: 'payload', ...bounded }, options)
    const start = await source.start()
    for (let round = 0; round < 5; round++) {
      const reader = source.read(start)
      const pending = reader.next()
      await reader.close()
      await pending
      assert.equal(await reader.next(), undefined)
    }
    assert.deepEqual(payloadsOf((await readAll(source)).rows), sent)
    proxy.refuse()
    const reader = source.read(start)
    const pending = reader.next()
    await waiting
    await reader.close()
    assert.equal(await pending, undefined)
  },
)

test('rows that become far longer end their page early', { skip }, async t => {
  const own = await make(t)
  const store = await own.open()
  await append(store, 'k', payloads(3000))
  const long = Array.from({ length: 400 }, (_, i) => `"${String(i).padEnd(100_000, '-')}"`)
  await append(store, 'k', long)
  const source = await openFor(t, { store: own.url, columns: 'payload', ...bounded })
  const reader = source.read(await source.start())
  const sizes: number[] = []
  let rows = 0
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    sizes.push(part.batch.data.children[0]!.values.length)
    rows += part.batch.numRows
  }
  assert.equal(rows, 3400)
  assert.ok(
    sizes.every(bytes => bytes < (16 << 20) + 200_000),
    String(sizes),
  )
  assert.ok(
    sizes.slice(2).every(bytes => bytes <= 9 << 20),
    String(sizes),
  )
  await reader.close()
})
