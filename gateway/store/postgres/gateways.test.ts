import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { manage, service } from '../../../test/support/servers.ts'
import { appendOf } from '../store.suite.ts'
import type { AppendRequest, Store } from '../store.ts'
import { contents, createDatabase, payloads, stored, type TestDatabase, until } from './database.suite.ts'
import { openPostgres } from './postgres.ts'
import { startRemote } from './remote.suite.ts'

/** Several gateways on one database, in this process and in others that are killed. */

const { skip, at } = service('postgres')
const kills = Number(process.env.MILLRACE_STORE_KILLS ?? 10)
const restarts = Number(process.env.MILLRACE_STORE_RESTARTS ?? 2)
let database: TestDatabase
before(async () => {
  if (!skip) database = await createDatabase(at.POSTGRES)
})
after(() => database?.drop())

async function openTwo(t: TestContext, url = database.url): Promise<[Store, Store]> {
  const stores = await Promise.all([openPostgres({ url }), openPostgres({ url })])
  t.after(() => Promise.all(stores.map(store => store.close())))
  return stores as [Store, Store]
}

test('a stream that moves between gateways keeps its order, its count and its epoch', { skip }, async t => {
  const stores = await openTwo(t)
  for (let k = 0; k < 20; k++)
    assert.equal(stored(await stores[k % 2]!.append(appendOf('moves', [`${k}`], { offset: k }))).count, k + 1)
  stored(await stores[0].append(appendOf('moves', undefined, { epoch: 5 })))
  const fenced = await stores[1].append(appendOf('moves', ['20'], { epoch: 4, offset: 20 }))
  assert.equal(!fenced.ok && fenced.code, 'fenced')
  const twice = await Promise.all(stores.map(store => store.append(appendOf('moves', ['20', '21'], { offset: 20 }))))
  assert.deepEqual(twice.map(outcome => stored(outcome).accepted).sort(), [0, 2])
  assert.deepEqual(
    (await contents(database)).moves,
    Array.from({ length: 22 }, (_, k) => `${k}`),
  )
})

test('50 streams over 8 connections of two gateways never stand in each other’s way for ever', { skip }, async t => {
  const own = await createDatabase(at.POSTGRES)
  t.after(() => own.drop())
  const stores = await Promise.all([openPostgres({ url: own.url }), openPostgres({ url: own.url })])
  const expected = new Map<string, number>()
  for (let round = 0; round < 25; round++) {
    const names = Array.from({ length: 50 }, (_, k) => `stream ${k + Math.floor(round / 5) * 10}`)
    await Promise.all(
      stores.flatMap(store =>
        shuffled(names).map(async key => {
          // big enough that groups do not wait for each other
          stored(await store.append(appendOf(key, ['1', `"${'x'.repeat(4000)}"`])))
          expected.set(key, (expected.get(key) ?? 0) + 2)
        }),
      ),
    )
  }
  await Promise.all(stores.map(store => store.close()))
  for (const [key, events] of Object.entries(await contents(own))) assert.equal(events.length, expected.get(key), key)
  const name = new URL(own.url).pathname.slice(1)
  const [{ deadlocks }] = (await own.sql('select deadlocks from pg_stat_database where datname = $1', [name])) as [
    { deadlocks: string },
  ]
  assert.equal(deadlocks, '0')
})

test(
  'a follower never misses an event of a transaction that commits late, and is told when it can go on',
  { skip },
  async t => {
    const [a, b] = await openTwo(t)
    const start = await a.lastEventId()
    const { streamId } = stored(await a.append(appendOf('late', ['"first"'])))
    const { default: pg } = await import('pg')
    const late = new pg.Client({ connectionString: database.url, options: '-c search_path=millrace' })
    await late.connect()
    t.after(() => late.end())
    await late.query(`begin; update streams set count = 2 where stream_id = ${streamId}; select take_place('events')`)
    await late.query(`insert into events (stream_id, stream_index, received_at, payload) values ($1, 1, 0, '"late"')`, [
      streamId,
    ])
    stored(await b.append(appendOf('early', ['"second"'])))
    const first = await a.readTail({ after: start, limit: 10 })
    assert.deepEqual(
      first.events.map(e => e.payload),
      ['"first"'],
    )
    assert.ok((await b.lastEventId()) <= first.next)
    // a position that another gateway gave, and that cannot be told of yet, is not behind the end
    assert.deepEqual(await b.readTail({ after: first.next + 2, limit: 10 }), { events: [], next: first.next + 2 })
    const told = new Promise<void>(resolve => a.onCommit(resolve))
    await late.query('commit')
    await told
    const second = await a.readTail({ after: first.next, limit: 10 })
    assert.deepEqual(
      second.events.map(e => e.payload),
      ['"late"', '"second"'],
    )
  },
)

test('a follower of one gateway reads all that many write, once and in order, while they write', { skip }, async t => {
  const [a, b] = await openTwo(t)
  const rounds = 60
  let position = await a.lastEventId()
  let writing = true
  const read: string[] = []
  const following = (async () => {
    for (;;) {
      const last = !writing
      const { events, next } = await a.readTail({ after: position, limit: 100 })
      assert.ok(next >= position)
      let before = position
      for (const event of events) {
        assert.ok(event.event_id > before)
        before = event.event_id
        read.push(`${event.stream_key}:${event.payload}`)
      }
      position = next
      if (last && events.length === 0) return
    }
  })()
  const written: string[] = []
  await Promise.all(
    [a, b].flatMap((store, s) =>
      ['x', 'y', 'z'].map(async name => {
        for (let k = 0; k < rounds; k++) {
          const texts = payloads(1 + (k % 30), k * 100)
          stored(await store.append(appendOf(`follow ${name} ${s}`, texts)))
          written.push(...texts.map(text => `follow ${name} ${s}:${text}`))
        }
      }),
    ),
  )
  writing = false
  await following
  assert.deepEqual(read.toSorted(), written.toSorted())
})

test(
  'commits and tokens of one gateway are told to the others; a token that anyone revokes is gone within a second',
  { skip },
  async t => {
    const [a, b] = await openTwo(t)
    const told = new Promise<void>(resolve => b.onCommit(resolve))
    stored(await a.append(appendOf('told', ['1'])))
    await told
    const seen: string[] = []
    const names = (tokens: readonly { name: string }[]) => tokens.map(token => token.name).join()
    t.after(b.watchTokens(tokens => seen.push(names(tokens))))
    const token = {
      name: 'ci',
      hash: 'ab',
      scopes: ['read' as const],
      tenant: '',
      events_per_second: null,
      bytes_per_second: null,
      created_at: 1,
    }
    await a.createToken(token)
    await until('the token is seen', () => seen.at(-1) === 'ci', 1000)
    await assert.rejects(b.createToken({ ...token, hash: 'cd' }), { code: 'bad_request' })
    await database.sql('update tokens set revoked_at = 2')
    await until('it is gone', () => seen.at(-1) === '', 1000)
  },
)

/** A client that resumes by its count, as PROTOCOL.md wants it, wherever a gateway answers. */
async function resume(
  key: string,
  append: (request: AppendRequest) => Promise<{ ok: boolean; count: number }>,
  stop: () => boolean,
) {
  let count = 0
  let asking = false
  for (let k = 0; !stop() || asking; k++) {
    try {
      const texts = asking ? undefined : payloads(1 + (k % 25), count)
      const outcome = await append(appendOf(key, texts, texts === undefined ? {} : { offset: count }))
      assert.ok(outcome.ok, JSON.stringify(outcome))
      assert.ok(outcome.count >= count, 'what was acknowledged is there')
      count = outcome.count
      asking = false
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      // the gateway is gone: what it had is stored, or not
      asking = true
    }
  }
  return count
}

test(
  'gateways that are killed at any moment lose nothing that they acknowledged, and double nothing',
  { skip },
  async t => {
    const url = database.url
    const remotes = await Promise.all([startRemote(url), startRemote(url)])
    t.after(() => Promise.all(remotes.map(remote => remote.kill())))
    let stopped = false
    let answers = 0
    const append = async (request: AppendRequest) => {
      const outcome = await remotes[Math.floor(Math.random() * 2)]!.append(request)
      answers++
      return outcome
    }
    const resuming = ['killed a', 'killed b', 'killed c'].map(key => resume(key, append, () => stopped))
    // these have no offset and do not repeat: what is acknowledged is there once, in its order, and nothing twice
    const acked: string[] = []
    const plain = (async () => {
      for (let k = 0; !stopped; k++)
        await append(appendOf('killed plain', [`"p${k}"`])).then(
          () => acked.push(`"p${k}"`),
          () => {},
        )
    })()
    for (let k = 0; k < kills; k++) {
      const before = answers
      await until('appends are answered', () => answers > before + 30)
      await delay(Math.random() * 20)
      await remotes[k % 2]!.kill()
      remotes[k % 2] = await startRemote(url)
    }
    stopped = true
    const counts = await Promise.all(resuming)
    await plain
    const all = await contents(database)
    for (const [k, key] of ['killed a', 'killed b', 'killed c'].entries())
      assert.deepEqual(all[key], payloads(counts[k]!), key)
    const found = all['killed plain']!
    assert.equal(new Set(found).size, found.length)
    const known = new Set(acked)
    assert.deepEqual(
      found.filter(text => known.has(text)),
      acked,
    )
    assert.ok(found.length - acked.length <= kills, 'what was not acknowledged is there once at most')
  },
)

test(
  'a server that crashes and starts again loses nothing that was acknowledged, and doubles nothing',
  { skip },
  async t => {
    const own = service('postgres', 'store')
    const database = await createDatabase(own.at.POSTGRES)
    const stores = await Promise.all([
      openPostgres({ url: database.url, patienceMs: 30_000 }),
      openPostgres({ url: database.url, patienceMs: 30_000 }),
    ])
    t.after(async () => {
      await Promise.all(stores.map(store => store.close()))
      await database.drop()
      manage('clean', 'postgres@store')
    })
    let stopped = false
    let answers = 0
    const keys = ['crash a', 'crash b', 'crash c', 'crash d']
    const written = keys.map(async (key, k) => {
      const mine: string[] = []
      for (let n = 0; !stopped; n++) {
        const texts = payloads(1 + (n % 20), n * 100)
        // no offset, and by turns over both gateways: nobody but the store itself knows what is there
        stored(await stores[(n + k) % 2]!.append(appendOf(key, texts)))
        mine.push(...texts)
        answers++
      }
      return mine
    })
    const script = fileURLToPath(new URL('../../../infra/services.sh', import.meta.url))
    for (let k = 0; k < restarts; k++) {
      const before = answers
      await until('appends are answered', () => answers > before + 50)
      await promisify(execFile)('bash', [script, 'restart', 'postgres@store'])
    }
    const before = answers
    await until('appends are answered', () => answers > before + 50)
    stopped = true
    const expected = await Promise.all(written)
    const all = await contents(database)
    for (const [k, key] of keys.entries()) assert.deepEqual(all[key], expected[k], key)
    await until('the news are followed again', () => stores.every(store => store.health().ok))
    const told = new Promise<void>(resolve => stores[1]!.onCommit(resolve))
    stored(await stores[0]!.append(appendOf('after', ['1'])))
    await told
  },
)

const shuffled = <T>(list: readonly T[]): T[] =>
  list
    .map(value => [Math.random(), value] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, value]) => value)
