import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import pg from 'pg'
import { recordsOf } from '../../../core/otlp/records.suite.ts'
import { service } from '../../../test/support/servers.ts'
import { openStore } from '../index.ts'
import { byHand, logsOf, promoted, requestOf } from '../records.suite.ts'
import { appendOf } from '../store.suite.ts'
import { contents, createDatabase, stored, until } from './database.suite.ts'
import { openPostgres } from './postgres.ts'

const { skip, at } = service('postgres')

const plainLogs = (bodies: string[]) => recordsOf(logsOf(bodies))

async function databaseFor(t: TestContext) {
  const database = await createDatabase(at.POSTGRES)
  t.after(() => database.drop())
  return database
}

test('the tables are those of schema.sql, by name and column', { skip }, async t => {
  const database = await databaseFor(t)
  await (await openPostgres({ url: database.url })).close()
  const sqlite = new Database(':memory:')
  sqlite.exec(readFileSync(new URL('../../../schema.sql', import.meta.url), 'utf8'))
  const wanted = sqlite
    .prepare(
      `select t.name || '.' || c.name as name from sqlite_schema t, pragma_table_xinfo(t.name) c
       where t.type = 'table' and t.name not like 'sqlite_%' order by 1`,
    )
    .pluck()
    .all() as string[]
  sqlite.close()
  const found = await database.sql<{ name: string; type: string }>(
    `select table_name || '.' || column_name as name, data_type as type from information_schema.columns
     where table_schema = 'millrace' and table_name <> 'writers' and table_name !~ '_(default|\\d{8})$'`,
  )
  assert.deepEqual(found.map(row => row.name).toSorted(), wanted.toSorted())
  const typeOf = (name: string) => found.find(row => row.name === name)?.type
  assert.deepEqual(
    ['events.payload', 'streams.headers', 'events.received_at', 'otlp_logs.time_unix_nano', 'dead_letters.raw'].map(
      typeOf,
    ),
    ['json', 'json', 'bigint', 'numeric', 'bytea'],
  )
})

test('gateways that start at once on an empty database make its tables once', { skip }, async t => {
  const database = await databaseFor(t)
  const stores = await Promise.all(
    Array.from({ length: 4 }, () => openPostgres({ url: database.url, promote: promoted })),
  )
  const outcomes = await Promise.all(stores.map(store => store.append(appendOf('k', ['1']))))
  assert.deepEqual(outcomes.map(outcome => stored(outcome).count).toSorted(), [1, 2, 3, 4])
  await Promise.all(stores.map(store => store.close()))
  assert.deepEqual(await database.sql('select * from writers'), [], 'a gateway that is closed leaves nothing')
})

test('two stores in schemas of one database know nothing of each other', { skip }, async t => {
  const database = await databaseFor(t)
  const [a, b] = await Promise.all([
    openPostgres({ url: database.url }),
    openPostgres({ url: `${database.url}?schema=other` }),
  ])
  stored(await a.append(appendOf('k', ['1', '2', '3'])))
  assert.equal(stored(await b.append(appendOf('k', ['4']))).count, 1)
  assert.deepEqual([await a.lastEventId(), await b.lastEventId()], [3, 1])
  await assert.rejects(b.query('select * from millrace.events', [], { ms: 1000, bytes: 1e6, rows: 1 }), {
    code: 'bad_query',
  })
  await Promise.all([a.close(), b.close()])
})

test('rows lie in the partition of their day, and in the default one where there is none', { skip }, async t => {
  const database = await databaseFor(t)
  const store = await openPostgres({ url: database.url })
  const now = Date.now() * 1000
  const day = 86_400_000_000
  for (const [key, receivedAt] of Object.entries({ today: now, tomorrow: now + day, far: now + 30 * day, past: 0 }))
    stored(await store.append(appendOf(key, ['1'], { receivedAt })))
  const names = (
    await database.sql<{ name: string }>('select tableoid::regclass::text as name from events order by event_id')
  ).map(row => row.name)
  const dayOf = (micros: number) => new Date(micros / 1000).toISOString().slice(0, 10).replaceAll('-', '')
  assert.deepEqual(names, [`events_${dayOf(now)}`, `events_${dayOf(now + day)}`, 'events_default', 'events_default'])
  assert.equal((await store.readTail({ after: 0, limit: 10 })).events.length, 4)
  await store.close()

  // the days went by without partitions: what is in the default one stays there, and hinders no start
  await database.sql(`drop table events_${dayOf(now)}`)
  const client = new pg.Client({ connectionString: database.url, options: '-c search_path=millrace' })
  await client.connect()
  await client.query(
    `insert into events (stream_id, stream_index, received_at, payload) values (1, 0, ${now}, '"kept"')`,
  )
  await client.end()
  const again = await openPostgres({ url: database.url })
  stored(await again.append(appendOf('today', ['"new"'], { receivedAt: now })))
  assert.deepEqual((await contents(database)).today, ['"kept"', '"new"'])
  await again.close()
})

test('a promoted attribute gets its column while other gateways, which do not know it, go on', { skip }, async t => {
  const database = await databaseFor(t)
  const old = await openPostgres({ url: database.url })
  stored(await old.append(requestOf('k', plainLogs(['a']))))
  const { streamId } = stored(await old.append(appendOf('k', undefined)))
  assert.equal((await old.readStream(streamId, 0, 10)).events.length, 1)
  const next = await openPostgres({ url: database.url, promote: promoted })
  stored(
    await next.append(
      requestOf('k', byHand([{ table: 'otlp_logs', row: { body: 'b', resource_attr_k8s_pod_name: 'p' } }])),
    ),
  )
  stored(await old.append(requestOf('k', plainLogs(['a']))))
  for (const store of [old, next])
    assert.deepEqual(
      (await store.readStream(streamId, 0, 10)).events.map(e => e.payload),
      [
        '{"table":"otlp_logs","body":"a"}',
        '{"table":"otlp_logs","body":"b","resource_attr_k8s_pod_name":"p"}',
        '{"table":"otlp_logs","body":"a"}',
      ],
    )
  await Promise.all([old.close(), next.close()])
})

test(
  'a guest reads and makes small writes, which the gateway sees; it cannot append, nor make a store',
  { skip },
  async t => {
    const database = await databaseFor(t)
    await assert.rejects(openStore(database.url, { role: 'guest' }), {
      code: 'not_found',
      message: /start the gateway once/,
    })
    const owner = await openStore(database.url)
    const guest = await openStore(database.url, { role: 'guest' })
    stored(await owner.append(appendOf('k', ['1', '{bad'], { dead: { 1: 'bad_event' } })))
    assert.equal((await guest.getStream({ tenant: '', key: 'k' }))?.count, 2)
    assert.deepEqual((await guest.query('select count(*) from events', [], { ms: 1000, bytes: 1e6, rows: 1 })).rows, [
      [1],
    ])
    const [letter] = (await guest.listDeadLetters({ limit: 1 })).letters
    const told = new Promise<void>(resolve => owner.onCommit(resolve))
    assert.equal(await guest.retryDeadLetter(letter!.dead_letter_id, Buffer.from('2')), true)
    await told
    assert.equal((await owner.readTail({ after: 0, limit: 10, where: "payload::text = '2'" })).events.length, 1)
    const seen: number[] = []
    t.after(owner.watchTokens(tokens => seen.push(tokens.length)))
    await guest.createToken({
      name: 'g',
      hash: 'ab',
      scopes: ['read'],
      tenant: '',
      events_per_second: null,
      bytes_per_second: null,
      created_at: 1,
    })
    await until('the gateway sees the token', () => seen.at(-1) === 1, 1000)
    await assert.rejects(guest.append(appendOf('k', ['3'])), { code: 'not_supported' })
    assert.throws(() => guest.onCommit(() => {}), { code: 'not_supported' })
    assert.equal(await guest.deleteStream({ tenant: '', key: 'k' }), true)
    assert.equal(await owner.getStream({ tenant: '', key: 'k' }), undefined)
    await Promise.all([owner.close(), guest.close()])
    await assert.rejects(guest.lastEventId(), { code: 'stopping' })
    await assert.rejects(owner.append(appendOf('k', ['3'])), { code: 'stopping' })
  },
)

test(
  'a close waits for what was appended before, and a deletion that a crash cut short goes on with the next start',
  { skip },
  async t => {
    const database = await databaseFor(t)
    const store = await openPostgres({ url: database.url })
    const appends = Array.from({ length: 50 }, (_, k) => store.append(appendOf(`k${k % 5}`, [`${k}`])))
    await store.close()
    for (const outcome of await Promise.all(appends)) stored(outcome)
    assert.equal(Object.values(await contents(database)).flat().length, 50)
    await database.sql("update streams set stream_key = chr(1) || 'deleted ' || stream_id where stream_key = 'k1'")
    const again = await openPostgres({ url: database.url })
    await until('its rows are gone', async () => (await database.sql('select 1 from events')).length === 40)
    assert.equal((await again.listStreams({ limit: 10 })).length, 4)
    await again.close()
  },
)

test('relaxed durability does not wait for the disk, full does, whatever the server is set to', { skip }, async t => {
  const database = await databaseFor(t)
  const name = new URL(database.url).pathname.slice(1)
  await database.sql(`alter database ${name} set synchronous_commit = 'off'`)
  await database.sql('create schema millrace')
  for (const [durability, setting] of [
    ['full', 'on'],
    ['relaxed', 'off'],
  ] as const) {
    const store = await openPostgres({ url: database.url, durability })
    await database.sql(`create or replace function millrace.note() returns trigger language plpgsql as $$
      begin new.remote_addr := current_setting('synchronous_commit'); return new; end $$`)
    await database.sql(
      'create or replace trigger note before insert on millrace.streams for each row execute function millrace.note()',
    )
    stored(await store.append(appendOf(durability, ['1'])))
    assert.equal((await store.getStream({ tenant: '', key: durability }))?.remote_addr, setting)
    await store.close()
  }
})

test('hostile keys, deep, long and odd events are kept byte for byte', { skip }, async t => {
  const database = await databaseFor(t)
  const store = await openPostgres({ url: database.url })
  const keys = [
    "'; drop table events; --",
    'a\\b',
    '$1',
    '{}',
    '{"a",NULL}',
    'NULL',
    '',
    '"',
    '😀'.repeat(64),
    '%',
    'é',
    'e\u0301',
    '\u202e',
    '\uffff',
  ]
  const texts = [
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '1e400',
    '-0.0',
    '{"a":1,"a":2}',
    '"\uffff"',
    `"${'x'.repeat(1 << 20)}"`,
    '['.repeat(900) + ']'.repeat(900),
    '\\N'.replace('\\N', '"\\\\N"'),
    '123456789012345678901234567890.12345678901234567890',
  ]
  for (const [k, outcome] of (
    await Promise.all(keys.map(key => store.append(appendOf(key, texts, { tenant: key }))))
  ).entries()) {
    const { streamId } = stored(outcome)
    const info = await store.getStream({ tenant: keys[k]!, key: keys[k]! })
    assert.equal(info?.stream_id, streamId)
    assert.deepEqual(
      (await store.readStream(streamId, 0, 100)).events.map(e => e.payload),
      texts,
    )
  }
  assert.equal((await store.listStreams({ limit: 100 })).length, keys.length)
  const big = `"${'y'.repeat(16 << 20)}"`
  const { streamId } = stored(await store.append(appendOf('big', [big, big, '1'])))
  assert.equal((await store.readStream(streamId, 1, 10)).events[0]!.payload, big)
  const found = await store.readStream(streamId, 0, 10)
  assert.deepEqual([found.events.length, found.next], [1, 1])
  const body = 'a\0b\uffff\0\uffff\uffff0'
  const rows = stored(await store.append(requestOf('nul', plainLogs([body]))))
  assert.deepEqual(JSON.parse((await store.readStream(rows.streamId, 0, 10)).events[0]!.payload), {
    table: 'otlp_logs',
    body,
  })
  // in columns of every kind
  const attributes = '{"a":"x\uffff\uffff0"}'
  const more = stored(await store.append(requestOf('nul', recordsOf(logsOf(['b'], { log_attributes: attributes })))))
  const [, last] = (await store.readStream(more.streamId, 0, 10)).events
  assert.deepEqual(JSON.parse(last!.payload).log_attributes, JSON.parse(attributes))
  await store.close()
})
