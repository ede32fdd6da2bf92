import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaVersion as gatewayVersion } from '../../../../gateway/store/postgres/migrate.ts'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import { errorOf } from '../../../runtime/harness/error.suite.ts'
import { append, collect, makePostgresStore, openFor, readAll } from '../harness.suite.ts'
import { tableNames, tableOf } from '../tables.ts'
import { schemaVersion } from './catalog.ts'

const { skip, at } = service('postgres')
const database = skip === false ? await testDatabase(at.POSTGRES) : undefined
const make = makePostgresStore(database)
const bounded = { mode: { type: 'bounded' } }

test('the schemas that this reads are those that the gateway of this version writes', { skip }, async t => {
  const own = await make(t)
  await own.open()
  assert.equal(schemaVersion, gatewayVersion)
  const schema = new URL(own.url).searchParams.get('schema')
  const comments = await database!.query("select obj_description($1::regnamespace, 'pg_namespace') as said", [schema])
  assert.equal(comments[0]!.said, `millrace store, version ${schemaVersion}`)
  for (const name of tableNames) {
    const rows = await database!.query(
      'select column_name as name from information_schema.columns where table_schema = $1 and table_name = $2',
      [schema, name],
    )
    const stored = rows.map(row => row.name as string)
    const { id, columns } = tableOf(name, stored)
    const ofRow = columns.filter(column => !column.ofStream).map(column => column.name)
    assert.ok(ofRow.includes(id))
    const hidden = name === 'events' ? ['stream_id', 'insert_datetime'] : name === 'dead_letters' ? ['stream_id'] : []
    assert.deepEqual([...ofRow, ...hidden].sort(), stored.sort(), name)
  }
})

test(
  'a store that does not exist yet is waited for by a source that follows, and a mistake for one that ends',
  {
    skip,
  },
  async t => {
    const own = await make(t)
    const missing = await errorOf(openFor(t, { store: own.url }))
    assert.equal(missing.code, 'unavailable')
    assert.ok(missing.message.includes(`there is no store at ${own.shown}`), missing.message)
    const mistaken = await errorOf(openFor(t, { store: own.url, ...bounded }))
    assert.deepEqual([mistaken.code, mistaken.path], ['bad_pipeline', ['store']])

    const retried: string[] = []
    const onRetry = (message: string) => retried.push(message)
    const opening = openFor(t, { store: own.url, columns: 'payload' }, { tries: 500, onRetry })
    await append(await own.open(), 'k', ['1'])
    const source = await opening
    assert.ok(retried.length > 0)
    const reader = source.read(await source.start())
    assert.deepEqual((await collect(reader, 1)).rows, [{ payload: '1' }])
    await reader.close()
  },
)

test('a schema that is empty, of something else, or of a newer store is told by name', { skip }, async t => {
  for (const [sql, code, said] of [
    ['', 'unavailable', /is empty: a gateway makes its tables/],
    ['create table events (event_id bigint)', 'bad_pipeline', /holds tables of something else, and is no store/],
    [
      "comment on schema SCHEMA is 'millrace store, version 999'",
      'bad_pipeline',
      /was written by a newer Millrace \(schema version 999, this one knows 1\): upgrade/,
    ],
  ] as const) {
    const own = await make(t)
    const schema = new URL(own.url).searchParams.get('schema')!
    await own.run(`create schema ${schema}; ${sql.replace('SCHEMA', schema)}`)
    const error = await errorOf(openFor(t, { store: own.url }))
    assert.equal(error.code, code)
    assert.match(error.message, said)
    assert.ok(error.message.includes(own.shown), error.message)
  }
})

test('rights that are missing are named, and whoever has them can only read', { skip }, async t => {
  const own = await make(t)
  await append(await own.open(), 'k', ['1'])
  const url = new URL(own.url)
  const schema = url.searchParams.get('schema')!
  await own.run(
    `create role ${schema} login password 'sEcret' ; alter role ${schema} set default_transaction_read_only = on`,
  )
  t.after(() => own.run(`drop owned by ${schema}; drop role ${schema}`))
  url.username = schema
  url.password = 'sEcret'
  const refused = await errorOf(openFor(t, { store: url.href, ...bounded }))
  assert.equal(refused.code, 'refused')
  const grants = [
    `grant usage on schema ${schema} to ${schema}`,
    `grant select on ${schema}.events to ${schema}`,
    `grant select on ${schema}.streams to ${schema}`,
    `grant select on sequence ${schema}.events_ids to ${schema}`,
  ]
  for (const grant of grants) assert.ok(refused.message.includes(grant), refused.message)
  assert.doesNotMatch(refused.message, /sEcret/)

  await own.run(grants.join(';'))
  const source = await openFor(t, { store: url.href, columns: 'payload', ...bounded })
  assert.deepEqual((await readAll(source)).rows, [{ payload: '1' }])
  assert.match(
    (await errorOf(openFor(t, { store: url.href, table: 'dead_letters' }))).message,
    /grant select on sequence \w+\.dead_letters_dead_letter_id_seq/,
  )
  await own.run(`grant select on dead_letters, dead_letters_dead_letter_id_seq to ${schema}`)
  const letters = await openFor(t, { store: url.href, table: 'dead_letters', ...bounded })
  assert.deepEqual((await readAll(letters)).rows, [])
})

test('a server that says no, or is not there, is told without the password', { skip }, async t => {
  const own = await make(t)
  const cases: [Partial<URL>, string][] = [
    [{ pathname: '/nowhere' }, 'bad_pipeline'],
    [{ port: '1', password: 'sEcret' }, 'unavailable'],
    [{ username: 'nobody', password: 'sEcret' }, 'refused'],
  ]
  for (const [change, code] of cases) {
    const url: URL = Object.assign(new URL(own.url), change)
    const tried: string[] = []
    const error = await errorOf(openFor(t, { store: url.href }, { tries: 1, onRetry: message => tried.push(message) }))
    assert.equal(error.code, code, error.message)
    assert.doesNotMatch([error.message, ...tried].join(), /sEcret/)
  }
})

test('another store in the place of the one that is followed is noticed', { skip }, async t => {
  const own = await make(t)
  const first = await own.open()
  await append(first, 'k', ['1', '2', '3'])
  const source = await openFor(t, { store: own.url, columns: 'payload' }, { tries: 500 })
  const reader = source.read(await source.start())
  await collect(reader, 3)
  await first.close()
  const pending = errorOf(reader.next())
  const schema = new URL(own.url).searchParams.get('schema')!
  // the other has more rows, and comes in one step
  const other = await make(t)
  const store = await other.open()
  await append(store, 'other', ['1', '2'])
  const { streamId } = (await store.append({
    tenant: '',
    key: 'later',
    opening: { transport: 'http', headers: '{}', remoteAddr: '' },
    epoch: undefined,
    offset: undefined,
    receivedAt: 5,
    frames: undefined,
    last: false,
  })) as { streamId: number }
  const otherSchema = new URL(other.url).searchParams.get('schema')!
  await other.run(
    `insert into events (stream_id, stream_index, received_at, payload) select ${streamId}, i, 5, '1' from generate_series(0, 9) i`,
  )
  await store.close()
  await own.run(`begin; drop schema ${schema} cascade; alter schema ${otherSchema} rename to ${schema}; commit`)
  const { code, message } = await pending
  assert.equal(code, 'state')
  assert.match(message, /its row 3 was received at 5 µs, and not at 1700000000123456 µs/)
  await reader.close()

  await own.run(`drop schema ${schema} cascade`)
  const gone = await openFor(t, { store: own.url }, {}).catch(error => error)
  assert.match(gone.message, /there is no store/)
})

test('settings of the URL reach the sessions, and one that nobody knows is refused', { skip }, async t => {
  const own = await make(t)
  await own.open()
  const url = new URL(own.url)
  url.searchParams.set('options', '-c work_mem=7MB -c application_name=a\\ b')
  url.searchParams.set('application_name', 'not this')
  await openFor(t, { store: url.href, ...bounded })
  const sessions = 'select application_name as name from pg_stat_activity where datname = current_database()'
  const names = async () => (await database!.query(sessions)).map(row => row.name)
  assert.ok((await names()).includes('a b'), String(await names()))
  await openFor(t, { store: own.url, ...bounded })
  assert.ok((await names()).includes('millrace test/pipeline/caught'))
  url.searchParams.set('options', '-c no_such_setting=1')
  assert.match((await errorOf(openFor(t, { store: url.href }))).message, /no_such_setting/)
  url.searchParams.set('sslcert', '/secret')
  const { code, message } = await errorOf(openFor(t, { store: url.href }))
  assert.equal(code, 'bad_pipeline')
  assert.match(message, /has the parameter sslcert in its URL, and a pipeline knows schema, host/)
  assert.doesNotMatch(message, /secret/)
})
