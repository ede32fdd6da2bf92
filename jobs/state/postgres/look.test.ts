import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { settingsSchema } from '../../settings.ts'
import { lookAtState } from '../index.ts'
import { ask, openFor, type StateSettings, settingsFor, settingsOf } from './harness.suite.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES

async function said(postgres: StateSettings): Promise<string[]> {
  const state_backend = { backend_type: 'Postgres', postgres }
  const errors = await lookAtState(settingsSchema.parse({ state_backend }))
  return errors.map(error => (error as Error).message)
}

/** A user who may do nothing but connect. */
async function userOf(t: TestContext, settings: StateSettings): Promise<StateSettings> {
  const user = `${settings.state_schema_name}_user`
  await ask(url, `CREATE USER ${user} PASSWORD 'secret?'`)
  t.after(() => ask(url, `DROP OWNED BY ${user}; DROP USER ${user}`))
  return { ...settings, user, password: 'secret?' }
}

test('a look finds nothing wrong, and makes nothing, where all can be made or is there', { skip }, async t => {
  const settings = settingsFor(url)
  assert.deepEqual(await said(settings), [])
  const schemas = await ask(url, 'SELECT FROM pg_namespace WHERE nspname = $1', [settings.state_schema_name])
  assert.equal(schemas.length, 0)
  await openFor(t, settings)
  assert.deepEqual(await said(settings), [])
})

test('a look names why a server cannot be used, without the password', { skip }, async () => {
  const settings = settingsOf(url)
  for (const [change, expected] of [
    [{ user: 'no_such_user', password: 'hush-hush' }, /password authentication failed for user "no_such_user"/],
    [{ db: 'no_such_db' }, /database "no_such_db" does not exist/],
    [{ port: 1 }, /connect ECONNREFUSED/],
    [{ sslmode: 'require' }, /does not support SSL.*set sslmode to disable/],
  ] as const) {
    const [message, ...more] = await said({ ...settings, ...change })
    assert.match(message!, expected)
    assert.ok(!message!.includes('hush-hush'))
    assert.deepEqual(more, [])
  }
})

test('a look names each grant that a run would need, until there is none', { skip }, async t => {
  const settings = settingsFor(url)
  const schema = settings.state_schema_name
  const user = await userOf(t, settings)
  const misses = async (...expected: RegExp[]) => {
    const messages = await said(user)
    assert.equal(messages.length, expected.length, messages.join('\n'))
    for (const [at, pattern] of expected.entries()) assert.match(messages[at]!, pattern)
  }
  await misses(/: user "\w+" may not make schema "\w+", which is not there/)
  await ask(url, `CREATE SCHEMA ${schema}`)
  await misses(/may not use schema/)
  await ask(url, `GRANT USAGE ON SCHEMA ${schema} TO ${user.user}`)
  await misses(/may not make table "\w+"\."state", .*_dead_letters", .*_owners" in schema/)
  await openFor(t, settings)
  await ask(url, `GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${user.user}`)
  await misses(/may not write to .*"state":/, /may not write to .*_dead_letters":/, /may not write to .*_owners":/)
  await ask(url, `GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${user.user}`)
  await misses()
  await openFor(t, user)
})

test('a look refuses a table of something else', { skip }, async () => {
  const settings = settingsFor(url)
  const schema = settings.state_schema_name
  await ask(url, `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.state (name TEXT)`)
  assert.match((await said(settings)).join('\n'), /^postgres .*state is a table of something else, without namespace/)
})
