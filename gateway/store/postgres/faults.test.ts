import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import pg from 'pg'
import { service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { appendOf } from '../store.suite.ts'
import type { AppendOutcome } from '../store.ts'
import { contents, createDatabase, payloads, stored, type TestDatabase, until } from './database.suite.ts'
import { createLane } from './lane.ts'
import { placeOf } from './place.ts'
import { openPostgres, type PostgresOptions } from './postgres.ts'
import { openSession } from './session.ts'

const { skip, at } = service('postgres')
const cuts = Number(process.env.MILLRACE_STORE_CUTS ?? 20)
let database: TestDatabase
before(async () => {
  if (!skip) database = await createDatabase(at.POSTGRES)
})
after(() => database?.drop())

async function openFor(t: TestContext, options: Partial<PostgresOptions> = {}) {
  const store = await openPostgres({ url: database.url, ...options })
  t.after(() => store.close())
  return store
}

/** A way to the server that can be cut, and the store's URL over it. */
async function proxied(t: TestContext) {
  const proxy = await openTcpProxy(new URL(database.url).host)
  t.after(() => proxy.close())
  const url = new URL(database.url)
  url.host = `127.0.0.1:${proxy.port}`
  return { proxy, url: url.href }
}

/** A lane whose connection calls `onCommit` when it is about to send COMMIT, in place of it. */
function laneWith(
  t: TestContext,
  url: string,
  onCommit: (commit: () => Promise<unknown>) => Promise<unknown>,
  { halfOpen = false } = {},
) {
  const place = placeOf(url)
  let opened = 0
  const lane = createLane({
    place,
    writer: { id: `test ${Math.random()}`, promote: [] },
    async open(name) {
      opened++
      const session = await openSession(place, { name, statementMs: 5000 })
      const query = session.client.query.bind(session.client) as (...args: unknown[]) => Promise<unknown>
      session.client.query = ((...args: unknown[]) =>
        args[0] === 'commit' ? onCommit(() => query(...args)) : query(...args)) as pg.Client['query']
      // the server does not know that the first connection is gone
      return halfOpen && opened === 1 ? { ...session, destroy() {} } : session
    },
    terminate: async ({ client }, names) => {
      if (halfOpen) throw Object.assign(new Error('permission denied'), { code: '42501' })
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = any($1)', [
        names,
      ])
    },
    patienceMs: 10_000,
    committed() {},
    health() {},
  })
  t.after(() => lane.close())
  return { lane, connections: () => opened }
}

const run = async (lane: ReturnType<typeof laneWith>['lane'], ...requests: ReturnType<typeof appendOf>[]) =>
  (await lane.run(requests.map(request => ({ request })))).map(one => {
    assert.ok('outcome' in one, 'failure' in one ? one.failure.message : '')
    return one.outcome as AppendOutcome
  })

for (const [what, cut] of Object.entries({ 'did not arrive': 0, 'was done, but its answer was lost': 1 }))
  test(`a COMMIT that ${what} is looked up: stored once, in its place, and answered as it was`, { skip }, async t => {
    const store = await openFor(t)
    const key = `lost ${cut}`
    stored(await store.append(appendOf(key, ['"before"'])))
    const { proxy, url } = await proxied(t)
    let commits = 0
    const { lane, connections } = laneWith(t, url, commit => {
      if (++commits === 2) {
        if (cut === 0) proxy.cutAfter(0)
        else proxy.cutAnswerAfter(0)
      }
      return commit()
    })
    await run(lane, appendOf(key, ['"a"']))
    const [first, second] = await run(lane, appendOf(key, ['"b"', '"c"']), appendOf(`${key} new`, ['"d"']))
    assert.deepEqual([stored(first!).count, stored(first!).accepted, stored(second!).count], [4, 2, 1])
    assert.deepEqual([commits, connections()], [cut === 0 ? 3 : 2, 2])
    const all = await contents(database)
    assert.deepEqual([all[key], all[`${key} new`]], [['"before"', '"a"', '"b"', '"c"'], ['"d"']])
  })

test('a COMMIT that still runs when it is looked up is waited for, or ended', { skip }, async t => {
  const { proxy, url } = await proxied(t)
  const store = await openFor(t)
  let commits = 0
  const { lane } = laneWith(t, url, async commit => {
    // the server holds the transaction open: nothing of what follows reaches it
    if (++commits === 1) {
      proxy.hold()
      setTimeout(() => {
        proxy.cut()
        proxy.resume()
      }, 200)
    }
    return commit()
  })
  const [outcome] = await run(lane, appendOf('held', ['"a"', '"b"']))
  assert.equal(stored(outcome!).count, 2)
  assert.equal(stored(await store.append(appendOf('held', ['"c"']))).count, 3)
  assert.deepEqual((await contents(database)).held, ['"a"', '"b"', '"c"'])
})

for (const [what, late] of Object.entries({ 'arrives while it is looked up': true, 'never arrives': false }))
  test(`a COMMIT that ${what}, of a connection that cannot be ended, is waited for`, { skip }, async t => {
    const url = new URL(database.url)
    url.searchParams.set('options', '-c lock_timeout=150 -c idle_in_transaction_session_timeout=700')
    let commits = 0
    const { lane } = laneWith(
      t,
      url.href,
      async commit => {
        if (++commits > 1) return commit()
        if (late) setTimeout(() => commit().catch(() => {}), 500)
        throw new Error('Connection terminated unexpectedly')
      },
      { halfOpen: true },
    )
    const key = `late ${late}`
    const outcomes = await run(lane, appendOf(key, ['"a"', '"b"']), appendOf(`${key} too`, ['"c"']))
    assert.deepEqual(
      outcomes.map(outcome => stored(outcome).count),
      [2, 1],
    )
    assert.equal(commits, late ? 1 : 2)
    const all = await contents(database)
    assert.deepEqual([all[key], all[`${key} too`]], [['"a"', '"b"'], ['"c"']])
  })

test(
  'connections that are cut at any byte neither lose nor double an append, nor change its place',
  { skip },
  async t => {
    const { proxy, url } = await proxied(t)
    const store = await openFor(t, { url, lanes: 3 })
    const keys = ['cut a', 'cut b', 'cut c', 'cut d']
    const expected: Record<string, string[]> = {}
    let done = 0
    const writers = keys.map(async (key, k) => {
      const mine: string[] = (expected[key] = [])
      for (let n = 0; done < cuts; n++) {
        const texts = payloads(1 + ((n * 7 + k) % 40), n * 1000)
        // without an offset: what is repeated twice would be seen
        stored(await store.append(appendOf(key, texts)))
        mine.push(...texts)
      }
    })
    for (; done < cuts; done++) {
      const commits = store.stats().commits
      const bytes = Math.floor(Math.random() * 6000)
      if (done % 2 === 0) proxy.cutAfter(bytes)
      else proxy.cutAnswerAfter(Math.floor(bytes / 10))
      await until('commits go on', () => store.stats().commits > commits + 2)
    }
    await Promise.all(writers)
    const all = await contents(database)
    for (const key of keys) assert.deepEqual(all[key], expected[key])
  },
)

test('a writer that was paused past its time comes back fenced, and what it had is not stored', { skip }, async t => {
  const store = await openFor(t)
  const url = new URL(database.url)
  url.searchParams.set('options', '-c idle_in_transaction_session_timeout=200')
  stored(await store.append(appendOf('paused', ['"a"'], { epoch: 1, offset: 0 })))
  const paused = Promise.withResolvers<void>()
  const resumed = Promise.withResolvers<void>()
  let commits = 0
  const { lane } = laneWith(t, url.href, async commit => {
    if (++commits === 1) {
      paused.resolve()
      await resumed.promise
    }
    return commit()
  })
  const old = run(lane, appendOf('paused', ['"old"'], { epoch: 1, offset: 1 }))
  await paused.promise
  // waits for the lock until the server ends the paused transaction
  const taken = stored(await store.append(appendOf('paused', ['"new"'], { epoch: 2, offset: 1 })))
  assert.deepEqual([taken.count, taken.accepted], [2, 1])
  resumed.resolve()
  const [outcome] = await old
  assert.deepEqual([outcome!.ok, !outcome!.ok && outcome!.code, outcome!.epoch], [false, 'fenced', 2])
  assert.deepEqual((await contents(database)).paused, ['"a"', '"new"'])
})

test('a stream whose lock is held is store_busy, and holds up no other', { skip }, async t => {
  const url = new URL(database.url)
  url.searchParams.set('options', '-c lock_timeout=300')
  const store = await openFor(t, { url: url.href })
  const { streamId } = stored(await store.append(appendOf('locked', ['"a"'])))
  const client = new pg.Client(database.url)
  await client.connect()
  t.after(() => client.end())
  await client.query('begin')
  await client.query('select 1 from millrace.streams where stream_id = $1 for update', [streamId])
  const [held, ...others] = await Promise.allSettled([
    store.append(appendOf('locked', ['"b"'])),
    store.append(appendOf('free', ['"a"'])),
    store.append(appendOf('free too', ['"a"'])),
  ])
  assert.equal(held.status === 'rejected' && held.reason.code, 'store_busy')
  assert.ok(held.status === 'rejected' && held.reason.details.retryAfter > 0)
  for (const other of others) assert.equal(other.status, 'fulfilled')
  await client.query('rollback')
  assert.equal(stored(await store.append(appendOf('locked', ['"b"']))).count, 2)
  assert.equal(store.health().ok, true)
})

test('a server that is read-only for a while is asked again until it is not', { skip }, async t => {
  const own = await createDatabase(at.POSTGRES)
  const warnings: [string, boolean?][] = []
  const store = await openPostgres({ url: own.url, onWarning: (...warning) => warnings.push(warning) })
  t.after(async () => {
    await store.close()
    await own.drop()
  })
  stored(await store.append(appendOf('k', ['"a"'])))
  const name = new URL(own.url).pathname.slice(1)
  const readOnly = async (on: boolean) => {
    const client = new pg.Client(at.POSTGRES)
    await client.connect()
    await client.query(`alter database ${name} set default_transaction_read_only = ${on}`)
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like 'millrace%'`,
      [name],
    )
    await client.end()
  }
  await readOnly(true)
  const waiting = store.append(appendOf('k', ['"b"']))
  await until('the store is known to be sick', () => !store.health().ok)
  assert.equal((await store.readStream(1, 0, 10)).events.length, 1, 'it is read all the same')
  await readOnly(false)
  assert.equal(stored(await waiting).count, 2)
  await until('the store is known to be well', () => store.health().ok)
  assert.match(warnings[0]![0], /read-only|cannot be reached/)
  assert.deepEqual(warnings.at(-1)![1], true)
  assert.ok(warnings.every(([message]) => !message.includes('millrace:millrace@') && !message.includes(':millrace')))
})

test(
  'a server that cannot be reached for too long is store_unavailable, and the store goes on when it is back',
  { skip },
  async t => {
    const { proxy, url } = await proxied(t)
    const store = await openFor(t, { url, patienceMs: 300 })
    proxy.refuse()
    const [append, read] = await Promise.allSettled([store.append(appendOf('gone', ['"a"'])), store.lastEventId()])
    for (const one of [append, read]) {
      assert.ok(one.status === 'rejected')
      assert.equal(one.reason.code, 'store_unavailable')
      assert.ok(one.reason.details.retryAfter > 0)
      assert.match(one.reason.message, /^store postgres:\/\/127\.0\.0\.1:\d+\/store_\w+: the server cannot be reached/)
    }
    proxy.accept()
    assert.equal(stored(await store.append(appendOf('gone', ['"b"']))).count, 1)
    assert.equal(store.health().ok, true)
  },
)

test(
  'what the server says decides the code: a full disk is disk_full, and writing goes on by itself',
  { skip },
  async t => {
    const store = await openFor(t)
    stored(await store.append(appendOf('full', ['"a"'])))
    await database.sql(`create function fail() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file' using errcode = tg_argv[0]; end $$`)
    for (const [state, code] of [
      ['53100', 'disk_full'],
      ['53200', 'store_busy'],
      ['57014', 'store_busy'],
      ['42501', 'store_unavailable'],
      ['XX001', 'store_unavailable'],
    ]) {
      await database.sql(
        `create trigger fail before insert on events_default for each row when (new.payload::text = '"fail"') execute function fail('${state}')`,
      )
      await assert.rejects(store.append(appendOf('full', ['"fail"'])), { code }, state)
      assert.equal(store.health().ok, false)
      await database.sql('drop trigger fail on events_default')
      stored(await store.append(appendOf('full', ['"fail"'])))
      assert.equal(store.health().ok, true)
    }
    assert.equal((await contents(database)).full!.length, 6)
  },
)

test('a transaction that the server wants once more is done once more, unseen', { skip }, async t => {
  const store = await openFor(t)
  await database.sql('create sequence tries')
  for (const state of ['40001', '40P01']) {
    await database.sql(`create or replace function sometimes() returns trigger language plpgsql as $$
      begin
        if nextval('millrace.tries') % 3 > 0 then raise exception 'again' using errcode = '${state}'; end if;
        return new;
      end $$`)
    await database.sql(
      'create or replace trigger sometimes before insert on dead_letters for each row execute function sometimes()',
    )
    stored(await store.append(appendOf('again', ['"a"', '{bad'], { dead: { 1: 'bad_event' } })))
  }
  await database.sql('drop trigger sometimes on dead_letters')
  assert.deepEqual((await contents(database)).again, ['"a"', '"a"'])
})

test('an event that Postgres does not take is refused, and takes no other with it', { skip }, async t => {
  const store = await openFor(t)
  const bad = { raw: '{"a":', deep: '['.repeat(100_000) + ']'.repeat(100_000), nul: '"\0"' }
  const appends = [
    ...Array.from({ length: 6 }, (_, k) => store.append(appendOf(`good ${k}`, ['1', '2']))),
    ...Object.entries(bad).map(([key, text]) => store.append(appendOf(`bad ${key}`, ['1', text]))),
    store.append(appendOf('good 0', ['3'])),
  ]
  const results = await Promise.allSettled(appends)
  assert.deepEqual(
    results.map(result => (result.status === 'fulfilled' ? result.value.count : result.reason.code)),
    [2, 2, 2, 2, 2, 2, 'bad_event', 'bad_event', 'bad_event', 3],
  )
  assert.deepEqual((await contents(database))['good 0'], ['1', '2', '3'])
  assert.equal(store.health().ok, true)
})
