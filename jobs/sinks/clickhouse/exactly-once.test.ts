import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { manage, service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { contextFor, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { concat } from '../../runtime/batch/select.ts'
import type { Sink } from '../../runtime/contract.ts'
import { retrying } from '../../runtime/harness/context.suite.ts'
import { exactlyOnceSuite } from '../../runtime/harness/exactly-once.suite.ts'
import { longPauseSuite, type PausedSubject } from '../../runtime/harness/pauses.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { assertIs, epochBatches, epochTypes, generator, makeLog } from './epochs.suite.ts'
import { openSink } from './harness.suite.ts'
import { startRemote } from './remote.suite.ts'

/** Longer by MILLRACE_CLICKHOUSE_KILLS, MILLRACE_CLICKHOUSE_CUTS and MILLRACE_CLICKHOUSE_RESTARTS. */
const kills = Number(process.env.MILLRACE_CLICKHOUSE_KILLS ?? 10)
const cuts = Number(process.env.MILLRACE_CLICKHOUSE_CUTS ?? 12)
const restarts = Number(process.env.MILLRACE_CLICKHOUSE_RESTARTS ?? 2)

const { skip, at } = service('clickhouse')
const own = skip ? undefined : service('clickhouse', 'restarts')
after(() => {
  if (own) manage('clean', 'clickhouse@restarts')
})
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
// several inserts an epoch
const configOf = (table: string) => ({ table, primary_key: 'id', insert_rows: 100 })
let tables = 0

async function place(): Promise<string> {
  const table = `log${++tables}`
  await makeLog(db, table)
  return table
}

const open = async (t: TestContext, table: string, server = db.server): Promise<Sink> =>
  (await openSink(t, server, configOf(table), streamOf(epochTypes), { name: table })).sink

async function write(sink: Sink, epoch: number): Promise<void> {
  for (const batch of epochBatches(epoch)) await sink.write(batch, epoch)
}

async function publish(sink: Sink, epoch: number): Promise<void> {
  await write(sink, epoch)
  await sink.commit(checkpoint(epoch))
}

if (!skip) {
  const paused: PausedSubject = {
    type: 'clickhouse',
    place,
    open,
    start: (t, table, task) => startRemote(t, { server: db.server, config: configOf(table), name: table, ...task }),
    batch: epoch => concat(epochBatches(epoch)),
    assertIs: (table, epoch) => assertIs(db, table, epoch),
  }
  exactlyOnceSuite(paused)
  // a process that was away for 5 s looks at the head of the log again before an insert
  longPauseSuite(paused, { ms: 5500, start: (t, table) => paused.start(t, table, {}) })
}

test('a process that is killed at any moment loses and doubles nothing', { skip }, async t => {
  const table = await place()
  const random = generator(7)
  let published = 0
  for (let kill = 0; kill < kills; kill++) {
    const remote = startRemote(t, { server: db.server, config: configOf(table), name: table })
    for (let wait = random(3); wait >= 0; wait--) {
      await remote.next('committed')
      published++
    }
    await remote.next('staged')
    // somewhere in the commit, which takes about as long
    await delay(random(70))
    await remote.kill()
  }
  await finish(t, table, published)
})

/** The epoch that was under way is read again, and all is there once. */
async function finish(t: TestContext, table: string, least: number): Promise<void> {
  const sink = await open(t, table)
  const last = (await sink.begin())?.epoch ?? 0
  assert.ok(last >= least, `${least} epochs were committed, and ${last} are known`)
  await publish(sink, last + 1)
  await assertIs(db, table, last + 1)
}

for (const [what, cut] of [
  ['a connection that is cut inside of requests', 'cutAfter'],
  ['an answer that is lost', 'cutAnswerAfter'],
] as const) {
  test(`${what} loses and doubles nothing, where the sink tries again`, { skip }, async t => {
    const table = await place()
    const proxy = await openTcpProxy(new URL(db.server.url).host)
    t.after(() => proxy.close())
    let retries = 0
    const context = {
      ...contextFor({ ...db.server, url: `http://127.0.0.1:${proxy.port}` }, { name: table }),
      retry: retrying({ tries: 5, pause: async () => {}, onRetry: () => void retries++ }),
    }
    const { sink } = await openSink(t, db.server, configOf(table), streamOf(epochTypes), { context })
    await sink.begin()
    const random = generator(11)
    for (let epoch = 1; epoch <= cuts; epoch++) {
      await write(sink, epoch)
      proxy[cut](random(cut === 'cutAfter' ? 20_000 : 4_000))
      await sink.commit(checkpoint(epoch))
    }
    await assertIs(db, table, cuts)
    assert.ok(retries >= cuts / 2, `${retries} retries`)
  })

  test(`${what} loses and doubles nothing, where the run begins anew`, { skip }, async t => {
    const table = await place()
    const proxy = await openTcpProxy(new URL(db.server.url).host)
    t.after(() => proxy.close())
    const random = generator(12)
    const server = { ...db.server, url: `http://127.0.0.1:${proxy.port}` }
    let failures = 0
    let done = 0
    while (done < cuts) {
      try {
        const sink = await open(t, table, server)
        const last = (await sink.begin())?.epoch ?? 0
        assert.ok(last >= done)
        for (done = last; done < cuts; ) {
          await write(sink, done + 1)
          proxy[cut](random(cut === 'cutAfter' ? 60_000 : 12_000))
          await sink.commit(checkpoint(done + 1))
          done++
        }
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'unavailable', String(error))
        failures++
      }
    }
    await assertIs(db, table, done)
    assert.ok(failures > 0)
  })
}

test('a server that is killed between and inside of inserts loses and doubles nothing', { skip }, async t => {
  const restarted = await testDatabase(own!.at.CLICKHOUSE)
  const table = 'log'
  await makeLog(restarted, table)
  const context = {
    ...contextFor(restarted.server, { name: table }),
    retry: retrying({ tries: 100, pause: () => delay(20) }),
  }
  const { sink } = await openSink(t, restarted.server, configOf(table), streamOf(epochTypes), { context })
  await sink.begin()
  const random = generator(13)
  const epochs = 2 * restarts
  for (let epoch = 1; epoch <= epochs; epoch++) {
    await write(sink, epoch)
    const committed = sink.commit(checkpoint(epoch))
    if (epoch % 2 === 0) {
      await delay(random(20))
      manage('restart', 'clickhouse@restarts')
    }
    await committed
  }
  await assertIs(restarted, table, epochs)
})

test('an epoch that was inserted in part comes again with the same rows, or is an error', { skip }, async t => {
  const table = await place()
  const proxy = await openTcpProxy(new URL(db.server.url).host)
  t.after(() => proxy.close())
  const interrupted = await open(t, table, { ...db.server, url: `http://127.0.0.1:${proxy.port}` })
  await interrupted.begin()
  await write(interrupted, 1)
  // behind the entry of the epoch, in its inserts
  proxy.cutAfter(9_000)
  await assert.rejects(interrupted.commit(checkpoint(1)), { code: 'unavailable' })

  const shuffled = await open(t, table)
  assert.equal(await shuffled.begin(), undefined)
  for (const batch of epochBatches(1).reverse()) await shuffled.write(batch, 1)
  await assert.rejects(shuffled.commit(checkpoint(1)), {
    code: 'state',
    message: /its rows now come in another order or number/,
  })

  const elsewhere = await open(t, table)
  await elsewhere.begin()
  await write(elsewhere, 1)
  const other = { ...checkpoint(1), to: { rows: { at: 9 } } }
  await assert.rejects(elsewhere.commit(other), { code: 'state', message: /its rows now come from other positions/ })

  const again = await open(t, table)
  await again.begin()
  await publish(again, 1)
  await assertIs(db, table, 1)
})

test('tokens that the table has forgotten are an error, and no double rows', { skip }, async t => {
  const table = await place()
  await db.run(`ALTER TABLE ${table} MODIFY SETTING non_replicated_deduplication_window = 20`)
  const proxy = await openTcpProxy(new URL(db.server.url).host)
  t.after(() => proxy.close())
  const interrupted = await open(t, table, { ...db.server, url: `http://127.0.0.1:${proxy.port}` })
  await interrupted.begin()
  await write(interrupted, 1)
  proxy.cutAfter(9_000)
  await assert.rejects(interrupted.commit(checkpoint(1)), { code: 'unavailable' })
  for (let other = 0; other < 25; other++)
    await db.run(`INSERT INTO ${table} (id) VALUES (${other})`, { settings: { async_insert: 0 } })
  const next = await open(t, table)
  await next.begin()
  await write(next, 1)
  await assert.rejects(next.commit(checkpoint(1)), {
    code: 'state',
    message: /was given about \d+ blocks since, and knows the tokens of 20/,
  })
})

test('reset begins anew: the same epochs are inserted again', { skip }, async t => {
  const table = await place()
  const first = await open(t, table)
  await first.begin()
  await publish(first, 1)
  const second = await open(t, table)
  await second.reset()
  assert.equal(await second.begin(), undefined)
  await db.run(`TRUNCATE TABLE ${table}`)
  await publish(second, 1)
  await assertIs(db, table, 1)
  await write(first, 2)
  await assert.rejects(first.commit(checkpoint(2)), { code: 'fenced' })
})
