import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { appendOf } from '../../../../gateway/store/store.suite.ts'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import { makePostgresStore } from '../../../sources/events/harness.suite.ts'
import type { WorkContext } from '../../kinds.ts'
import { keepingLog, quietLog } from '../../schedule.suite.ts'
import { daysAgo, left, now, run, storeOf } from '../harness.suite.ts'
import { clientOf, daysOf, insert, makeDays, trying } from './harness.suite.ts'
import { deletePatiently } from './postgres.ts'

const { skip, at } = service('postgres')
const make = makePostgresStore(skip === false ? await testDatabase(at.POSTGRES) : undefined)
const force = 'table: events, force: true'
const signal = new AbortController().signal

/** One event for each of `ages`, in the partitions of those days. */
async function daysWith(t: TestContext, ages: readonly number[]) {
  const { store, ...rest } = await storeOf(t, make, [])
  const client = await makeDays(t, rest.own, ages)
  for (const [n, age] of ages.entries())
    await store.append({ ...appendOf('k', [`{"n":${n}}`]), receivedAt: daysAgo(age) })
  return { store, client, ...rest }
}

/** As a run of the job by force, but for how long partitions are tried again, ms. */
const deleteAll = (url: string, patience: number, context: Partial<WorkContext> = {}) =>
  deletePatiently(
    url,
    { table: 'events', id: 'event_id', to: Number.MAX_SAFE_INTEGER, before: daysAgo(10), positions: [] },
    { signal, log: quietLog, ...context },
    patience,
  )

test('days that are old and read go with their partitions, and of others the rows that are', { skip }, async t => {
  const { store, client, url, file } = await daysWith(t, [30, 20, 19, 1])
  // two in one day, of which the second is not read
  await store.append({ ...appendOf('k', ['{"n":4}']), receivedAt: daysAgo(19) })
  assert.deepEqual(await daysOf(client), [30, 29, 28, 27, 20, 19, 18, 17, 16, 1, 0, -1, -2, -3])
  const keys = `table: events, exported_by: "${file}"`
  const { figures, message } = await run({ keys, url, state: { 'in:events': { position: 4 } } })
  assert.deepEqual(figures, { rows: 3, partitions: 8 })
  assert.match(message, /^3 rows of events deleted, .* and read up to event_id 4; 8 partitions dropped as a whole$/)
  assert.deepEqual(await daysOf(client), [19, 1, 0, -1, -2, -3])
  assert.deepEqual(await left(store), [3, 4])
  const { count } = (await store.getStream({ tenant: '', key: 'k' }))!
  await store.append(appendOf('k', ['{"n":4}', '{"n":5}'], { offset: count - 1, receivedAt: daysAgo(30) }))
  assert.deepEqual(await left(store), [3, 4, 5], 'what comes for a day that is gone finds a place')
})

test('of the day that keep cuts, only the rows before the cut go', { skip }, async t => {
  const ages = [10.9, 10.5, 10.1, 9.9, 9.5, 9.1]
  const { store, url } = await daysWith(t, ages)
  assert.equal((await run({ keys: force, url })).figures.rows, 3)
  assert.deepEqual(await left(store), [3, 4, 5])
})

test('what is not below the horizon stays, though it is old, and all are forced', { skip }, async t => {
  const { store, own, url, client } = await daysWith(t, [30, 30])
  const late = await clientOf(t, own)
  await late.query(`begin; select take_place('events'); ${insert('2', daysAgo(30))}`)
  await store.append({ ...appendOf('k', ['{"n":3}']), receivedAt: daysAgo(30) })
  assert.equal((await deleteAll(url, 0)).figures.rows, 2)
  await late.query('commit')
  const { rows } = await client.query('select payload::text from events order by event_id')
  assert.deepEqual(rows, [{ payload: '{"n":2}' }, { payload: '{"n":3}' }])
  assert.equal((await run({ keys: force, url })).figures.rows, 2)
})

test(
  'a row that comes into a partition while its lock is waited for stays, and the read ones go',
  { skip },
  async t => {
    const { store, own, url, file, client } = await daysWith(t, [30, 30])
    const late = await clientOf(t, own)
    await late.query(`begin; select take_place('events'); ${insert('2', daysAgo(30))}`)
    const keys = `table: events, exported_by: "${file}"`
    const running = run({ keys, url, state: { 'in:events': { position: 2 } } })
    await trying(client)
    await late.query('commit')
    const { figures } = await running
    assert.equal(figures.rows, 2)
    assert.deepEqual((await client.query('select payload::text as n from events')).rows, [{ n: '{"n":2}' }])
    assert.ok((await daysOf(client)).includes(30))
    assert.equal(figures.partitions, 3)
    await store.append({ ...appendOf('k', ['{"n":4}']), receivedAt: now() })
  },
)

test('a partition that somebody reads stays until the next time, and gateways go on', { skip }, async t => {
  const { store, own, url, client } = await daysWith(t, [30])
  const reader = await clientOf(t, own)
  await reader.query('begin; select from events')
  const { log, records } = keepingLog()
  let isDone = false
  const deleting = deleteAll(url, 2500, { log }).finally(() => (isDone = true))
  let appended = 0
  while (!isDone) {
    await store.append({ ...appendOf('new', [`{"n":${appended}}`]), receivedAt: now() })
    appended++
  }
  const { figures, notes } = await deleting
  assert.deepEqual(figures, { rows: 0, partitions: 0 })
  const who = /^events_\d{8} stays until the next time: somebody \(pid \d+, for \d+ s\) uses it$/
  assert.equal(notes.length, 4)
  for (const note of notes) assert.match(note, who)
  assert.deepEqual(
    records.filter(({ level }) => level === 'warn').map(({ message }) => message),
    notes,
  )
  assert.equal((await store.getStream({ tenant: '', key: 'new' }))!.count, appended)
  await reader.query('commit')
  assert.deepEqual((await deleteAll(url, 0)).figures, { rows: 1, partitions: 4 })
  assert.deepEqual(
    (await daysOf(client)).filter(age => age > 10),
    [],
  )
})

test('a partition is tried again within a run', { skip }, async t => {
  const { own, url, client } = await daysWith(t, [30])
  const reader = await clientOf(t, own)
  await reader.query('begin; select from events')
  const deleting = deleteAll(url, 60_000)
  await trying(client)
  await reader.query('commit')
  assert.deepEqual((await deleting).figures, { rows: 1, partitions: 4 })
})

test('of two jobs at once one waits for the other, and an end ends the waiting', { skip }, async t => {
  const { store, url, client } = await daysWith(t, [30])
  const payloads = Array.from({ length: 30_000 }, (_, n) => `{"n":${n}}`)
  await store.append({ ...appendOf('many', payloads), receivedAt: daysAgo(50) })
  const results = await Promise.all([1, 2, 3].map(() => run({ keys: force, url })))
  assert.equal(
    results.reduce((sum, { figures }) => sum + figures.rows!, 0),
    30_001,
  )
  const lock =
    "select pg_try_advisory_lock(hashtextextended('millrace retention ' || current_schema() || '.events', 0)) as mine"
  // the server may be a moment late to notice that they are gone
  while (!(await client.query(lock)).rows[0].mine);
  const abort = new AbortController()
  const { log, said } = keepingLog()
  const second = assert.rejects(deleteAll(url, 0, { log, signal: abort.signal }))
  assert.match((await said('job.report')).message, /^waits for another retention of events in postgres:/)
  abort.abort()
  await second
})
