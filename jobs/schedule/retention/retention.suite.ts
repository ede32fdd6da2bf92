import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { byHand, deadAt, logsOf, requestOf } from '../../../gateway/store/records.suite.ts'
import { appendOf } from '../../../gateway/store/store.suite.ts'
import type { MakeStore } from '../../sources/events/harness.suite.ts'
import { openFor, readAll } from '../../sources/events/harness.suite.ts'
import { daysAgo, left, now, run, storeOf } from './harness.suite.ts'

const limits = { ms: 5000, bytes: 1 << 28, rows: 9 }

/** What retention does, whatever kind of store holds the rows. */
export function retentionSuite(kind: string, make: MakeStore, skip: string | false = false): void {
  describe(`retention of ${kind}`, { skip }, () => {
    test('old rows go as far as the pipeline has read them, beside the gateway, and no count changes', async t => {
      const { url, store, file } = await storeOf(t, make, [30, 20, 15, 11, 9, 1])
      const keys = `table: events, exported_by: "${file}"`
      const some = await run({ keys, url, state: { 'in:events': { position: 3 } } })
      assert.equal(some.figures.rows, 3)
      assert.match(some.message, /^3 rows of events deleted, received before \d{4}-.* and read up to event_id 3$/)
      assert.deepEqual(await left(store), [3, 4, 5])
      const all = await run({ keys, url, state: { 'in:events': { position: 6 } } })
      assert.equal(all.figures.rows, 1)
      assert.deepEqual(await left(store), [4, 5], 'what is younger stays, read or not')
      const stream = await store.getStream({ tenant: '', key: 'k' })
      assert.equal(stream!.count, 6)
      await store.append(appendOf('k', ['{"n":5}', '{"n":6}'], { offset: 5, receivedAt: now() }))
      assert.deepEqual(await left(store), [4, 5, 6], 'a client goes on at its offset')
    })

    test('a pipeline that has not read anything keeps everything', async t => {
      const { url, store, file } = await storeOf(t, make, [30, 20])
      assert.equal((await run({ keys: `table: events, exported_by: "${file}"`, url })).figures.rows, 0)
      assert.deepEqual(await left(store), [0, 1])
    })

    test('of several pipelines, and several sources, the slowest counts', async t => {
      const { url, store, file, folder } = await storeOf(t, make, [30, 20, 15])
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
      const { url, store, folder } = await storeOf(t, make, [])
      const receivedAt = daysAgo(30)
      await store.append({ ...requestOf('otlp', byHand(logsOf(['a', 'b', 'c']), [deadAt(1)])), receivedAt })
      const file = join(folder, 'lake.yaml')
      writeFileSync(file, `sources: { in: { type: events, table: otlp_logs, store: "${url}" } }\n`)
      const keys = `table: otlp_logs, exported_by: "${file}"`
      const { figures } = await run({ keys, url, state: { 'in:otlp_logs': { position: 2 } } })
      assert.equal(figures.rows, 2)
      const { rows } = await store.query('select record_id, body from otlp_logs', [], limits)
      assert.deepEqual(rows, [[3, 'c']])
      assert.equal((await store.listDeadLetters({ limit: 9 })).letters.length, 1)
    })

    test('by force, rows go whoever has read them', async t => {
      const { url, store } = await storeOf(t, make, [30, 20, 1])
      const { message } = await run({ keys: 'table: events, force: true', url })
      assert.doesNotMatch(message, /read up to/)
      assert.deepEqual(await left(store), [2])
    })

    test('what does not fit is refused, and nothing is deleted', async t => {
      const { url, store, file, folder } = await storeOf(t, make, [30, 20])
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
      const state = (position: unknown, received_at?: number) => ({ 'in:events': { position, received_at } })
      await refused(keys, state('x'), { code: 'state', message: /is none of an events source/ })
      await refused(keys, state(99), { code: 'state', message: /the position 99 .* comes from another store/ })
      await refused(keys, state(2, 5), { code: 'state', message: /the position 2 .* comes from another store/ })
      assert.deepEqual(await left(store), [0, 1])
    })

    test('a pipeline of another store keeps nothing of this one, and is refused', async t => {
      const { url, store } = await storeOf(t, make, [30])
      const { file } = await storeOf(t, make, [])
      await assert.rejects(run({ keys: `table: events, exported_by: "${file}"`, url }), {
        code: 'bad_pipeline',
        message: /no source of type events over the table events of (?!.*secret)/,
      })
      assert.deepEqual(await left(store), [0])
    })

    test('a row that came in late with an old time goes with its neighbours', async t => {
      const { url, store, file } = await storeOf(t, make, [30, 9, 20, 9])
      const state = { 'in:events': { position: 4 } }
      await run({ keys: `table: events, exported_by: "${file}"`, url, state })
      assert.deepEqual(await left(store), [1, 3])
    })

    test('a new pipeline reads what is left, and one that is behind goes on, without an error', async t => {
      const { url, store } = await storeOf(t, make, [30, 20, 15, 1])
      await run({ keys: 'table: events, force: true', url })
      const config = { store: url, columns: 'payload', mode: { type: 'bounded' } }
      const rest = [{ payload: '{"n":3}' }]
      assert.deepEqual((await readAll(await openFor(t, config))).rows, rest)
      const behind = { events: { position: 1, received_at: 5 } }
      assert.deepEqual((await readAll(await openFor(t, config), behind)).rows, rest)
      await run({ keys: 'table: events, force: true', keep: '0s', url })
      assert.deepEqual(await left(store), [])
      assert.deepEqual((await readAll(await openFor(t, config))).rows, [])
      await store.append(appendOf('k', ['{"n":4}'], { offset: 4, receivedAt: now() }))
      assert.deepEqual((await readAll(await openFor(t, { ...config, start_at: 4 }))).rows, [{ payload: '{"n":4}' }])
    })

    test('an end in the middle leaves what is right, and the next run goes on', async t => {
      const { url, file, store } = await storeOf(t, make, [1])
      const payloads = Array.from({ length: 60_000 }, (_, n) => `{"n":${n}}`)
      await store.append({ ...appendOf('many', payloads), receivedAt: daysAgo(30) })
      const keys = `table: events, exported_by: "${file}"`
      const state = { 'in:events': { position: 60_001 } }
      const count = async () => Number((await store.query('select count(*) from events', [], limits)).rows[0]![0])
      const abort = new AbortController()
      const ended = assert.rejects(run({ keys, url, state, signal: abort.signal }))
      while ((await count()) > 60_000);
      abort.abort()
      await ended
      const half = await count()
      assert.ok(half > 1, `${half} are left`)
      assert.equal((await run({ keys, url, state })).figures.rows, half - 1)
      assert.equal(await count(), 1)
    })
  })
}
