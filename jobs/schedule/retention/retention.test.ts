import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { openStore } from '../../../gateway/store/index.ts'
import { byHand, deadAt, logsOf, promoted, requestOf } from '../../../gateway/store/records.suite.ts'
import { appendOf } from '../../../gateway/store/store.suite.ts'
import type { Store } from '../../../gateway/store/store.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import type { KindDeps } from '../kinds.ts'
import { jobsOf, quietLog } from '../schedule.suite.ts'
import { retention } from './retention.ts'

const day = 86_400_000_000
const now = () => Date.now() * 1000

/** A store with events received `age` days ago, as a gateway that still runs holds it. */
async function storeOf(t: TestContext, ages: readonly number[]) {
  const folder = tempFolder(t)
  const url = `sqlite:${join(folder, 'events.db')}`
  const store = await openStore(url, { promote: promoted })
  t.after(() => store.close())
  for (const [at, age] of ages.entries())
    await store.append({ ...appendOf('k', [`{"n":${at}}`]), receivedAt: Math.round(now() - age * day) })
  const file = join(folder, 'lake.yaml')
  writeFileSync(file, `sources: { in: { type: events, store: "${url}", mode: { type: bounded } } }\n`)
  return { url, store, file, folder }
}

const left = async (store: Store) =>
  (await store.readStream(1, 0, 100_000)).events.map(({ payload }) => JSON.parse(payload).n)

interface Given {
  keys: string
  url: string
  /** state of `local_app_v1/lake` */
  state?: Record<string, unknown>
  signal?: AbortSignal
}

async function run({ keys, url, state = {}, signal = new AbortController().signal }: Given) {
  const [job] = jobsOf(`  keep: { schedule: "@daily", retention: { keep: 10d, ${keys} } }`)
  const positions = async (namespace: string) => new Map(namespace === 'local_app_v1/lake' ? Object.entries(state) : [])
  const deps = { jobs: [], store: url, state: { application_id: 'local_app_v1', positions } } as unknown as KindDeps
  return (await retention(job!, deps)).run({ signal, log: quietLog })
}

test('old rows go as far as the pipeline has read them, beside the gateway, and no count changes', async t => {
  const { url, store, file } = await storeOf(t, [30, 20, 15, 11, 9, 1])
  const keys = `table: events, exported_by: "${file}"`
  const some = await run({ keys, url, state: { 'in:events': { position: 3 } } })
  assert.deepEqual(some.figures, { rows: 3 })
  assert.match(some.message!, /^3 rows of events deleted, received before \d{4}-.* and read up to event_id 3$/)
  assert.deepEqual(await left(store), [3, 4, 5])
  const all = await run({ keys, url, state: { 'in:events': { position: 6 } } })
  assert.deepEqual(all.figures, { rows: 1 })
  assert.deepEqual(await left(store), [4, 5], 'what is younger stays, read or not')
  const stream = await store.getStream({ tenant: '', key: 'k' })
  assert.equal(stream!.count, 6)
  await store.append(appendOf('k', ['{"n":6}'], { offset: 6 }))
  assert.deepEqual(await left(store), [4, 5, 6])
})

test('a pipeline that has not read anything keeps everything', async t => {
  const { url, store, file } = await storeOf(t, [30, 20])
  const keys = `table: events, exported_by: "${file}"`
  assert.deepEqual((await run({ keys, url })).figures, { rows: 0 })
  assert.deepEqual(await left(store), [0, 1])
})

test('of several pipelines, and several sources, the slowest counts', async t => {
  const { url, store, file, folder } = await storeOf(t, [30, 20, 15])
  const two = join(folder, 'two.yaml')
  writeFileSync(
    two,
    `name: lake\nsources:\n  a: { type: events, store: "${url}" }\n  b: { type: events, store: "${url}" }\n`,
  )
  const state = { 'in:events': { position: 3 }, 'a:events': { position: 2 }, 'b:events': { position: 1 } }
  await run({ keys: `table: events, exported_by: ["${file}", "${two}"]`, url, state })
  assert.deepEqual(await left(store), [1, 2])
})

test('records of OpenTelemetry go by their own ids, and dead letters never', async t => {
  const { url, store, folder } = await storeOf(t, [])
  const receivedAt = now() - 30 * day
  await store.append({ ...requestOf('otlp', byHand(logsOf(['a', 'b', 'c']), [deadAt(1)])), receivedAt })
  const file = join(folder, 'lake.yaml')
  writeFileSync(file, `sources: { in: { type: events, table: otlp_logs, store: "${url}" } }\n`)
  const keys = `table: otlp_logs, exported_by: "${file}"`
  assert.deepEqual((await run({ keys, url, state: { 'in:otlp_logs': { position: 2 } } })).figures, { rows: 2 })
  const { rows } = await store.query('select record_id, body from otlp_logs', [], { ms: 5000, bytes: 1 << 28, rows: 9 })
  assert.deepEqual(rows, [[3, 'c']])
  assert.equal((await store.listDeadLetters({ limit: 9 })).letters.length, 1)
})

test('by force, rows go whoever has read them', async t => {
  const { url, store } = await storeOf(t, [30, 20, 1])
  const { message } = await run({ keys: 'table: events, force: true', url })
  assert.doesNotMatch(message!, /read up to/)
  assert.deepEqual(await left(store), [2])
})

test('what does not fit is refused, and nothing is deleted', async t => {
  const { url, store, file, folder } = await storeOf(t, [30, 20])
  const refused = (keys: string, state: Record<string, unknown>, error: object) =>
    assert.rejects(run({ keys, url, state }), error)
  await refused(
    `table: otlp_logs, exported_by: "${file}"`,
    {},
    { code: 'bad_pipeline', message: /no source of type events over the table otlp_logs/ },
  )
  await refused(
    `table: events, exported_by: "${join(folder, 'none.yaml')}"`,
    {},
    { code: 'bad_pipeline', message: /none\.yaml cannot be read/ },
  )
  const keys = `table: events, exported_by: "${file}"`
  await refused(keys, { 'in:events': { position: 'x' } }, { code: 'state', message: /is none of an events source/ })
  await refused(
    keys,
    { 'in:events': { position: 99 } },
    { code: 'state', message: /the position 99 .* comes from another store/ },
  )
  const other = { position: 2, received_at: 5 }
  await refused(keys, { 'in:events': other }, { code: 'state', message: /the position 2 .* comes from another store/ })
  await assert.rejects(run({ keys, url: `sqlite:${join(folder, 'no.db')}` }), {
    code: 'bad_pipeline',
    message: /there is no store/,
  })
  await assert.rejects(
    run({ keys, url: 'postgres://u:secret@h/d' }),
    (error: Error) => !error.message.includes('secret'),
  )
  assert.deepEqual(await left(store), [0, 1])
})

test('a row that came in late with an old time goes with its neighbours', async t => {
  const { url, store, file } = await storeOf(t, [30, 9, 20, 9])
  const state = { 'in:events': { position: 4 } }
  await run({ keys: `table: events, exported_by: "${file}"`, url, state })
  assert.deepEqual(await left(store), [1, 3])
})

test('an end in the middle leaves what is right, and the next run goes on', async t => {
  const { url, file, store } = await storeOf(t, [1])
  const payloads = Array.from({ length: 60_000 }, (_, n) => `{"n":${n}}`)
  await store.append({ ...appendOf('many', payloads), receivedAt: now() - 30 * day })
  const keys = `table: events, exported_by: "${file}"`
  const state = { 'in:events': { position: 60_001 } }
  const db = new Database(url.slice('sqlite:'.length), { readonly: true })
  t.after(() => db.close())
  const count = () => db.prepare('select count(*) from events').pluck().get() as number
  const abort = new AbortController()
  const ended = assert.rejects(run({ keys, url, state, signal: abort.signal }))
  while (count() > 60_000) await new Promise(resolve => setImmediate(resolve))
  abort.abort()
  await ended
  const half = count()
  assert.ok(half > 1, `${half} are left`)
  const { figures } = await run({ keys, url, state })
  assert.deepEqual(figures, { rows: half - 1 })
  assert.deepEqual(db.prepare('pragma integrity_check').all(), [{ integrity_check: 'ok' }])
})
