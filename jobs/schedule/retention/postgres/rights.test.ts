import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import { makePostgresStore } from '../../../sources/events/harness.suite.ts'
import { left, run, storeOf } from '../harness.suite.ts'
import { readerOf } from './harness.suite.ts'

const { skip, at } = service('postgres')
const database = skip === false ? await testDatabase(at.POSTGRES) : undefined
const make = makePostgresStore(database)
const keys = 'table: events, force: true'

const refusedWith = (code: string, message: RegExp) => (error: Error & { code: string }) => {
  assert.match(error.message, message)
  assert.doesNotMatch(error.message, /secret|millrace@/)
  assert.equal(error.code, code)
  return true
}

test('a user who does not own the tables is told what to grant, and nothing is deleted', { skip }, async t => {
  const { own, store } = await storeOf(t, make, [30])
  const { name, url } = await readerOf(t, database!, own)
  await database!.query(`grant delete on all tables in schema ${new URL(url).searchParams.get('schema')} to ${name}`)
  await assert.rejects(
    run({ keys, url }),
    refusedWith(
      'refused',
      new RegExp(
        `^postgres://.*: the user ${name} may not drop old days of events and 5 more tables, which only the owner \\(postgres\\) may: grant postgres to ${name}, or name that user`,
      ),
    ),
  )
  assert.deepEqual(await left(store), [0])
})

test('a user who may not even look into the schema is told the same', { skip }, async t => {
  const { own } = await storeOf(t, make, [30])
  const { name, url } = await readerOf(t, database!, own)
  await database!.query(`revoke usage on schema ${new URL(url).searchParams.get('schema')} from ${name}`)
  await assert.rejects(run({ keys, url }), refusedWith('refused', /may not drop old days of s_\w+\.events and 5 more/))
})

test('whoever is a member of the owner may delete', { skip }, async t => {
  const { own, store } = await storeOf(t, make, [30, 1])
  const { name, url } = await readerOf(t, database!, own)
  await database!.query(`grant postgres to ${name}`)
  assert.equal((await run({ keys, url })).figures.rows, 1)
  assert.deepEqual(await left(store), [1])
})

test('a schema without a store, a database that is not there and a wrong password are told', { skip }, async t => {
  const own = await make(t)
  await assert.rejects(
    run({ keys, url: own.url }),
    refusedWith('bad_pipeline', /there is no store at .*schema=s_.*: start the gateway once, or name its schema/),
  )
  await own.run(`create schema ${new URL(own.url).searchParams.get('schema')}; create table other (a int)`)
  await assert.rejects(run({ keys, url: own.url }), refusedWith('bad_pipeline', /holds tables of something else/))
  const none = Object.assign(new URL(own.url), { pathname: '/none_of_these' }).href
  await assert.rejects(run({ keys, url: none }), refusedWith('bad_pipeline', /"none_of_these" does not exist/))
  const wrong = Object.assign(new URL(own.url), { password: 'secret' }).href
  await assert.rejects(run({ keys, url: wrong }), refusedWith('refused', /password authentication failed/))
  const away = Object.assign(new URL(own.url), { port: '1' }).href
  await assert.rejects(run({ keys, url: away }), refusedWith('unavailable', /ECONNREFUSED/))
})
