import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { recordsOf } from '../../../core/otlp/records.suite.ts'
import { type ColumnKind, otlpTableNames, otlpTables, promotedColumn } from '../../../core/otlp/tables.ts'
import { byHand, deadAt, logsOf, promoted, requestOf } from '../records.suite.ts'
import { appendOf } from '../store.suite.ts'
import { type Db, openForWriting, schemaVersion } from './database.ts'
import { codeOf, openFor, stored, tempFolder } from './faults.suite.ts'
import { openGuest } from './guest.ts'
import { openSqlite } from './sqlite.ts'

const golden = (version: number) => readFileSync(new URL(`./golden/${version}.sql`, import.meta.url), 'utf8')

function makeFile(path: string, sql: string): void {
  const db = new Database(path)
  db.exec(sql)
  db.close()
}

/** All tables with their columns, and all indexes: what a schema is, however it was written. */
function schemaOf(db: Db) {
  const objects = db.prepare(
    "select type, name, tbl_name from sqlite_schema where name not like 'sqlite_stat%' order by 1, 2",
  )
  const columns = db.prepare('select * from pragma_table_xinfo(?)')
  const indexes = db.prepare('select name, "unique", origin, partial from pragma_index_list(?) order by name')
  const indexed = db.prepare('select * from pragma_index_xinfo(?)')
  const tables = db.prepare(
    "select name, strict, wr from pragma_table_list where schema = 'main' and type = 'table' order by name",
  )
  return {
    objects: objects.all(),
    tables: (tables.all() as { name: string }[]).map(table => ({
      ...table,
      columns: columns.all(table.name),
      indexes: (indexes.all(table.name) as { name: string }[]).map(i => ({ ...i, columns: indexed.all(i.name) })),
    })),
  }
}

for (let version = 1; version < schemaVersion; version++) {
  test(`a database of version ${version} comes to the tables of a new one`, t => {
    const [old, fresh] = [join(tempFolder(t), 'old.db'), join(tempFolder(t), 'new.db')]
    makeFile(old, golden(version))
    const [migrated, made] = [old, fresh].map(path => openForWriting(path, 'full')) as [Db, Db]
    assert.deepEqual(schemaOf(migrated), schemaOf(made))
    assert.equal(migrated.pragma('user_version', { simple: true }), schemaVersion)
    migrated.close()
    made.close()
  })
}

test('a database of version 1 keeps its data, goes on with it, and takes records', async t => {
  const path = join(tempFolder(t), 'a.db')
  makeFile(path, golden(1))
  const store = await openFor(t, path, { promote: promoted })
  const streams = await store.listStreams({ limit: 10 })
  assert.deepEqual(
    streams.map(s => [s.stream_id, s.stream_key, s.tenant, s.epoch, s.count, s.headers, s.closed_at]),
    [
      [1, 'orders', '', 3, 6, '{"host":"a"}', 1_700_000_000_123_456],
      [3, 'orders', 'b', 0, 1, '{"host":"a"}', null],
    ],
  )
  const payloads = ['{"id":1,"total":9.50}', '"ä€😀\\u0000"', '12345678901234567890', '{"id":4}', 'null']
  assert.deepEqual(
    (await store.readStream(1, 0, 10)).events.map(e => e.payload),
    payloads,
  )
  const { letters } = await store.listDeadLetters({ limit: 10 })
  assert.deepEqual(
    letters.map(l => [l.stream_index, l.code, Buffer.from(l.raw).toString(), l.kind]),
    [[4, 'bad_event', '{bad', 'event']],
  )
  assert.equal(await store.retryDeadLetter(letters[0]!.dead_letter_id, Buffer.from('5')), true)
  assert.deepEqual(
    (await store.listTokens()).map(token => [token.name, token.scopes, token.revoked_at]),
    [
      ['old', ['ingest', 'read'], 1_700_000_002_000_000],
      ['ci', ['ingest', 'read'], null],
    ],
  )
  assert.equal(stored(await store.append(appendOf('orders', ['6'], { offset: 6 }))).count, 7)
  assert.equal(await store.lastEventId(), 10, 'ids go on where they were')
  const records = byHand(logsOf(['a'], { resource_attr_k8s_pod_name: 'p' }), [deadAt(1)])
  assert.equal(stored(await store.append(requestOf('orders', records))).count, 9)
  const { events } = await store.readStream(1, 4, 10)
  assert.deepEqual(
    events.map(e => e.payload),
    ['5', 'null', '6', '{"table":"otlp_logs","body":"a","resource_attr_k8s_pod_name":"p"}'],
  )
})

test('a database of version 2 keeps its events and records', async t => {
  const path = join(tempFolder(t), 'a.db')
  makeFile(path, golden(2))
  const store = await openFor(t, path, { promote: promoted })
  const payloads = async (streamId: number) => (await store.readStream(streamId, 0, 10)).events.map(e => e.payload)
  assert.deepEqual(await payloads(1), ['{"id":1,"total":9.50}', '"ä€😀\\u0000"', '12345678901234567890'])
  assert.deepEqual(await payloads(2), ['{"table":"otlp_logs","body":"first"}', '{"table":"otlp_logs","body":"second"}'])
  assert.equal((await store.listDeadLetters({ limit: 10 })).letters[0]?.kind, 'record')
  assert.deepEqual((await store.query('select * from jobs', [], { ms: 5000, bytes: 1 << 28, rows: 10 })).rows, [])
  assert.equal(stored(await store.append(appendOf('orders', ['6'], { offset: 3 }))).count, 4)
})

test('a migration that fails leaves the database as it was', t => {
  const path = join(tempFolder(t), 'a.db')
  makeFile(path, `${golden(1)}; create table otlp_metrics_summary (a)`)
  assert.throws(() => openForWriting(path, 'full'), /otlp_metrics_summary already exists/)
  const db = new Database(path)
  assert.equal(db.pragma('user_version', { simple: true }), 1)
  assert.equal(db.prepare("select count(*) from sqlite_schema where name like 'otlp%'").pluck().get(), 1)
  assert.equal(db.prepare('select count(*) from events').pluck().get(), 6)
  db.close()
})

test('a database of a newer version is refused by name, and left alone', async t => {
  const path = join(tempFolder(t), 'a.db')
  makeFile(path, `${golden(1)}; pragma user_version = ${schemaVersion + 1}`)
  const message = new RegExp(
    `newer Millrace \\(schema version ${schemaVersion + 1}, this one knows ${schemaVersion}\\)`,
  )
  await assert.rejects(openSqlite({ path }), { code: 'store_unavailable', message })
  await assert.rejects(openGuest(path), { code: 'store_unavailable', message })
  const db = new Database(path)
  assert.equal(db.prepare("select count(*) from sqlite_schema where name like 'otlp%'").pluck().get(), 0)
  db.close()
})

/** What each kind of column is in a STRICT table. */
const types: Record<ColumnKind, string> = {
  ns: 'ANY',
  u64: 'ANY',
  real: 'ANY',
  i64: 'INTEGER',
  int: 'INTEGER',
  bool: 'INTEGER',
  text: 'TEXT',
  id: 'TEXT',
  json: 'TEXT',
}

test('schema.sql has the columns that decoders fill, in their order, and then those of the store', t => {
  const db = openForWriting(join(tempFolder(t), 'a.db'), 'full')
  t.after(() => db.close())
  const columns = db.prepare('select name, upper(type) as type from pragma_table_info(?)').raw()
  for (const table of otlpTableNames)
    assert.deepEqual(
      columns.all(table),
      [
        ...otlpTables[table].map(([name, kind]) => [name, types[kind]]),
        ['record_id', 'INTEGER'],
        ['stream_id', 'INTEGER'],
        ['stream_index', 'INTEGER'],
        ['tenant', 'TEXT'],
        ['received_at', 'INTEGER'],
      ],
      table,
    )
  const all = db
    .prepare("select name from sqlite_schema where type = 'table' and name like 'otlp%' order by name")
    .pluck()
  assert.deepEqual(all.all(), [...otlpTableNames, 'otlp_requests'].sort())
})

/** One row in each table, with the promoted attributes. */
const oneOfEach = (promote: readonly string[], text: string) =>
  recordsOf(
    otlpTableNames.map(table => ({
      table,
      row: Object.fromEntries(promote.map(key => [promotedColumn(key), `${text} ${key}`])),
    })),
    { promote },
  )

test('a promoted attribute has a column from the next start on, which stays where it is no longer promoted', async t => {
  const path = join(tempFolder(t), 'a.db')
  const rounds: [string[], string][] = [
    [[], 'a'],
    [['a.b'], 'b'],
    [['x', 'A.b'], 'c'],
    [[], 'd'],
  ]
  for (const [promote, body] of rounds) {
    const store = await openSqlite({ path, promote })
    const records = oneOfEach(promote, body)
    assert.equal(stored(await store.append(requestOf('k', records))).accepted, 7)
    await store.close()
  }
  const db = new Database(path)
  t.after(() => db.close())
  for (const table of otlpTableNames)
    assert.deepEqual(
      db.prepare(`select resource_attr_a_b, resource_attr_x from ${table} order by record_id`).raw().all(),
      [
        [null, null],
        ['b a.b', null],
        ['c A.b', 'c x'],
        [null, null],
      ],
      table,
    )
})

test('rows of other promoted attributes than those of the store are a bug, and said to be one', async t => {
  const store = await openFor(t, join(tempFolder(t), 'a.db'), { promote: ['a'] })
  const records = oneOfEach([], 'x')
  assert.equal(await codeOf(store.append(requestOf('k', records))), 'internal')
  assert.equal(stored(await store.append(requestOf('k', oneOfEach(['a'], 'x')))).count, 7)
})
