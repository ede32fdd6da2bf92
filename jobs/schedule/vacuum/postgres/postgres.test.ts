import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { appendOf } from '../../../../gateway/store/store.suite.ts'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import { makePostgresStore } from '../../../sources/events/harness.suite.ts'
import type { KindDeps } from '../../kinds.ts'
import { clientOf, readerOf, schemaOf } from '../../retention/postgres/harness.suite.ts'
import { jobsOf, quietLog } from '../../schedule.suite.ts'
import { vacuum } from '../vacuum.ts'

const { skip, at } = service('postgres')
const database = skip === false ? await testDatabase(at.POSTGRES) : undefined
const make = makePostgresStore(database)

/** A store with a few MiB, of which almost all were deleted. */
async function storeWithHoles(t: TestContext) {
  const own = await make(t)
  const store = await own.open()
  const payload = JSON.stringify('x'.repeat(1000))
  await store.append(appendOf('kept', ['1', '2', '3']))
  await store.append(appendOf('old', Array<string>(4000).fill(payload)))
  await store.deleteStream({ tenant: '', key: 'old' })
  return { own, store, client: await clientOf(t, own) }
}

async function run(url: string, signal = new AbortController().signal) {
  const [job] = jobsOf(`  v: { schedule: "@daily", vacuum: { store: "${url}" } }`)
  return (await vacuum(job!, {} as KindDeps)).run({ signal, log: quietLog })
}

test('beside a gateway the room of deleted rows is given back, and every table is counted anew', { skip }, async t => {
  const { own, store, client } = await storeWithHoles(t)
  const { figures, message } = await run(own.url)
  assert.ok(figures.freed! > 3 << 20, message)
  assert.equal(figures.bytes_before! - figures.bytes_after!, figures.freed)
  assert.match(message!, /^\S+ MiB freed, \S+ \S+ left$/)
  const { rows } = await client.query(
    `select relname, reltuples from pg_class where relnamespace = '${schemaOf(own)}'::regnamespace and relkind in ('r', 'p') and reltuples < 0`,
  )
  assert.deepEqual(rows, [])
  await store.append(appendOf('kept', ['4'], { offset: 3 }))
  assert.equal((await store.getStream({ tenant: '', key: 'kept' }))!.count, 4)
})

test('a table in use stays as it is, one that vanishes is left out, and the others are done', { skip }, async t => {
  const { own, client } = await storeWithHoles(t)
  await client.query('begin; lock table dead_letters in share update exclusive mode')
  const running = run(own.url)
  const other = await clientOf(t, own)
  const waits =
    "select from pg_stat_activity where application_name = 'millrace vacuum' and wait_event_type = 'Lock' and datname = current_database()"
  while ((await other.query(waits)).rowCount === 0);
  const [day] = (
    await other.query(
      "select min(inhrelid::regclass::text) as name from pg_inherits where inhparent = 'events'::regclass",
    )
  ).rows
  await other.query(`drop table ${day.name}`)
  const { figures, message } = await running
  assert.ok(figures.freed! > 3 << 20, message)
  assert.match(message!, /left; in use, and as they were until the next time: dead_letters$/)
  await client.query('rollback')
})

test('an end ends it, also in the middle of a table', { skip }, async t => {
  const { own, client } = await storeWithHoles(t)
  await client.query('begin; lock table dead_letters in share update exclusive mode')
  const abort = new AbortController()
  const ended = assert.rejects(run(own.url, abort.signal))
  const asks =
    "select from pg_stat_activity where application_name = 'millrace vacuum' and datname = current_database()"
  const other = await clientOf(t, own)
  while ((await other.query(`${asks} and wait_event_type = 'Lock'`)).rowCount === 0);
  abort.abort()
  await ended
  // the server is told, and does not wait for the table any longer
  while ((await other.query(asks)).rowCount !== 0);
  await client.query('rollback')
})

test('a user who may not vacuum is told what to grant, and MAINTAIN is enough', { skip }, async t => {
  const { own, client } = await storeWithHoles(t)
  const { name, url } = await readerOf(t, database!, own)
  await assert.rejects(run(url), (error: Error & { code: string }) => {
    assert.equal(error.code, 'refused')
    assert.match(
      error.message,
      /may not vacuum dead_letters and \d+ more tables, which only the owner \(postgres\) may: grant postgres to u_/,
    )
    return !error.message.includes('secret')
  })
  const { rows } = await client.query("select current_setting('server_version_num')::int >= 170000 as newer")
  if (!rows[0].newer) return t.skip('before Postgres 17 there is no MAINTAIN')
  await client.query(`grant maintain on all tables in schema ${schemaOf(own)} to ${name}`)
  assert.ok((await run(url)).figures.freed! > 3 << 20)
})

test('where there is no store, nothing is made', { skip }, async t => {
  const own = await make(t)
  await assert.rejects(run(own.url), {
    code: 'bad_pipeline',
    message: /there is no store at .*: start the gateway once/,
  })
  const { rowCount } = await (await clientOf(t, own)).query('select from pg_namespace where nspname = $1', [
    schemaOf(own),
  ])
  assert.equal(rowCount, 0)
})
