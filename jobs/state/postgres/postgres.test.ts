import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { letterOf, stateSuite } from '../state.suite.ts'
import { ask, openFor, settingsFor, settingsOf } from './harness.suite.ts'
import { openPostgresState } from './postgres.ts'
import { schemaVersion } from './tables.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES

if (skip === false) stateSuite('postgres', () => openPostgresState(settingsFor(url)))

const one = { set: new Map([['k', 1]]) }

test('what was written is there for the next run, beside other tables of the schema', { skip }, async t => {
  const settings = settingsFor(url)
  const first = await openPostgresState(settings)
  await first.write('n', one)
  await first.close()
  assert.deepEqual(await (await openFor(t, settings)).read('n'), new Map([['k', 1]]))
  const other = await openFor(t, { ...settings, state_table_name: 'other "state"' })
  assert.deepEqual(await other.read('n'), new Map())
  await other.write('n', { set: new Map([['k', 2]]), dead: [letterOf('a')] })
  await other.reset('n')
  assert.deepEqual(await (await openFor(t, settings)).read('n'), new Map([['k', 1]]))
})

test('the time of a key is that of its first write', { skip }, async t => {
  const settings = settingsFor(url)
  const state = await openFor(t, settings)
  const table = `"${settings.state_schema_name}".state`
  await state.write('n', one)
  await ask(url, `UPDATE ${table} SET created_at = '2020-01-01 00:00:00Z'`)
  await state.write('n', { set: new Map([['k', 2]]) })
  assert.deepEqual(await ask(url, `SELECT namespace, key, data::text, created_at::text FROM ${table}`), [
    { namespace: 'n', key: 'k', data: '2', created_at: '2020-01-01 00:00:00+00' },
  ])
})

test("the model runtime's table is taken as it is, and keeps its rows", { skip }, async t => {
  const settings = settingsFor(url)
  const schema = `"${settings.state_schema_name}"`
  await ask(
    url,
    `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.state (namespace TEXT, key TEXT, data JSONB NOT NULL,
       created_at TIMESTAMPTZ DEFAULT NOW(), PRIMARY KEY (namespace, key));
     INSERT INTO ${schema}.state (namespace, key, data) VALUES ('local_app_v1', 'src:topic:0', '{"offset":5}')`,
  )
  const state = await openFor(t, settings)
  assert.deepEqual(await state.read('local_app_v1'), new Map([['src:topic:0', { offset: 5 }]]))
  await state.write('local_app_v1/p', { set: new Map([['k', { b: 1, a: '9007199254740993' }]]), dead: [letterOf('a')] })
  assert.deepEqual((await state.read('local_app_v1/p')).get('k'), { a: '9007199254740993', b: 1 })
  await assert.rejects(state.write('local_app_v1/p', { set: new Map([['k', '\0']]) }), { code: 'bad_data' })
})

test('what is no state of ours, and one of a newer version, is refused by name', { skip }, async () => {
  const settings = settingsFor(url)
  const schema = `"${settings.state_schema_name}"`
  await ask(url, `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.state (name TEXT, population INTEGER)`)
  await assert.rejects(openPostgresState(settings), {
    code: 'state',
    message: new RegExp(`${settings.state_schema_name}\\.state is a table of something else, without namespace, key`),
  })
  const newer = settingsFor(url)
  await (await openPostgresState(newer)).close()
  await ask(
    url,
    `COMMENT ON TABLE "${newer.state_schema_name}".state_owners IS 'millrace state, version ${schemaVersion + 1}'`,
  )
  await assert.rejects(openPostgresState(newer), {
    code: 'state',
    message: /was written by a newer Millrace \(schema version 2, this one knows 1\)/,
  })
})

test('a user who may only read and write the tables can use them', { skip }, async t => {
  const settings = settingsFor(url)
  await (await openPostgresState(settings)).close()
  const schema = settings.state_schema_name
  const user = `${schema}_user`
  await ask(
    url,
    `CREATE USER ${user} PASSWORD 'secret?'; GRANT USAGE ON SCHEMA ${schema} TO ${user};
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${user}`,
  )
  t.after(() => ask(url, `DROP OWNED BY ${user}; DROP USER ${user}`))
  const state = await openPostgresState({ ...settings, user, password: 'secret?' })
  await state.write('n', { ...one, dead: [letterOf('a')] })
  await (await state.lock('n')).release()
  await state.close()
  const denied = { ...settings, user, password: 'secret?', state_schema_name: `${schema}_2` }
  await assert.rejects(openPostgresState(denied), { code: 'refused', message: /permission denied for database/ })
})

test('a server that cannot be used is named, without the password', { skip }, async () => {
  const settings = settingsOf(url)
  const wrong = { ...settings, user: 'no_such_user', password: 'hush-hush' }
  for (const [given, code, said] of [
    [wrong, 'refused', /^postgres 127\.0\.0\.1:\d+\/postgres: password authentication failed for user "no_such_user"/],
    [{ ...settings, db: 'no_such_db' }, 'bad_pipeline', /database "no_such_db" does not exist/],
    [{ ...settings, port: 1 }, 'unavailable', /^postgres 127\.0\.0\.1:1\/postgres: connect ECONNREFUSED/],
    [{ ...settings, sslmode: 'require' }, 'refused', /does not support SSL.*set sslmode to disable/],
  ] as const)
    await assert.rejects(openPostgresState(given), (error: Error & { code: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, said)
      assert.ok(!JSON.stringify(error, Object.getOwnPropertyNames(error)).includes('hush-hush'))
      return true
    })
})

test('a value that somebody broke by hand is named', { skip }, async t => {
  const settings = settingsFor(url)
  const state = await openFor(t, settings)
  const table = `"${settings.state_schema_name}".state`
  await ask(
    url,
    `ALTER TABLE ${table} ALTER data TYPE TEXT; INSERT INTO ${table} (namespace, key, data) VALUES ('n', 'k', '{')`,
  )
  await assert.rejects(state.read('n'), { code: 'state', message: /the value of "k" in namespace n is not JSON/ })
})
