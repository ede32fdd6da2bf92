import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { appendOf } from '../../../../gateway/store/store.suite.ts'
import { startGateway } from '../../../../test/support/gateway.ts'
import { testDatabase } from '../../../../test/support/postgres.ts'
import { service } from '../../../../test/support/servers.ts'
import type { Position } from '../../../runtime/contract.ts'
import { collect, makePostgresStore, openFor } from '../../../sources/events/harness.suite.ts'
import { daysAgo, run, storeOf } from '../harness.suite.ts'
import { daysOf, makeDays } from './harness.suite.ts'

/** Retention beside those who write and read, and killed while it is at work. */

const { skip, at } = service('postgres')
const make = makePostgresStore(skip === false ? await testDatabase(at.POSTGRES) : undefined)
const kills = Number(process.env.MILLRACE_RETENTION_KILLS ?? 4)
const force = 'table: events, force: true'

test('what gateways take while retention runs again and again stays, as far as it is not read', { skip }, async t => {
  const { store, own, url, file } = await storeOf(t, make, [])
  const client = await makeDays(t, own, [30, 26, 22])
  const gateways = await Promise.all(
    [1, 2].map(() => startGateway(['--store', url, '--port', '0', '--log-level', 'error'])),
  )
  t.after(() => Promise.all(gateways.map(gateway => gateway.end())))
  for (let n = 0; n < 12; n++) await store.append({ ...appendOf('old', [`{"old":${n}}`]), receivedAt: daysAgo(30 - n) })
  let isDone = false
  const sent: Promise<number>[] = gateways.map(async (gateway, g) => {
    for (let batch = 0; ; batch++) {
      if (isDone) return batch
      const body = Array.from({ length: 20 }, (_, i) => `"${g} ${batch} ${i}"`).join('\n')
      const response = await fetch(`${gateway.url}/v1/events?stream=s${g}`, { method: 'POST', body })
      assert.equal(response.status, 200, await response.text())
    }
  })
  let rows = 0
  for (let position = 2; position <= 12; position += 5) {
    const keys = `table: events, exported_by: "${file}"`
    rows += (await run({ keys, url, keep: '0s', state: { 'in:events': { position } } })).figures.rows!
  }
  isDone = true
  const batches = await Promise.all(sent)
  assert.equal(rows, 12)
  const { rows: found } = await client.query('select payload::text as text from events where event_id > 12')
  const expected = batches.flatMap((count, g) =>
    Array.from({ length: 20 * count }, (_, k) => `"${g} ${Math.floor(k / 20)} ${k % 20}"`),
  )
  assert.deepEqual(found.map(({ text }) => text).sort(), expected.sort())
  assert.deepEqual(
    (await daysOf(client)).filter(age => age > 0),
    [],
  )
})

test('a follower sees each row once, while days and rows behind it vanish', { skip }, async t => {
  const { store, own, url, file } = await storeOf(t, make, [])
  await makeDays(t, own, [30, 26, 22])
  const source = await openFor(t, { store: url, columns: 'payload' })
  const reader = source.read(await source.start())
  t.after(() => reader.close())
  const seen: unknown[] = []
  let rows = 0
  for (let n = 0; n < 12; n++) {
    const payloads = Array.from({ length: 50 }, (_, k) => `"${n} ${k}"`)
    await store.append({ ...appendOf('k', payloads), receivedAt: daysAgo(30 - n) })
    const given: { rows: unknown[]; position: Position | undefined } = await collect(reader, 50)
    seen.push(...given.rows)
    const next = collect(reader, 1)
    const keys = `table: events, exported_by: "${file}"`
    const state = { 'in:events': given.position!.events }
    rows += (await run({ keys, url, state })).figures.rows!
    await store.append({ ...appendOf('k', [`"${n} last"`]), receivedAt: daysAgo(30 - n) })
    seen.push(...(await next).rows)
  }
  assert.equal(seen.length, 12 * 51)
  assert.equal(new Set(seen.map(row => JSON.stringify(row))).size, seen.length)
  assert.equal(rows, 12 * 51 - 1, 'all but the last one, which was read after the last run')
})

test(
  'retention that is killed in the middle leaves what is right, and the next run does the rest',
  { skip },
  async t => {
    const { store, own, url, file } = await storeOf(t, make, [])
    const client = await makeDays(t, own, [30])
    const payloads = (from: number, count: number) => Array.from({ length: count }, (_, k) => `"${from + k}"`)
    for (const age of [30, 29, 28])
      await store.append({ ...appendOf('days', payloads(0, 500)), receivedAt: daysAgo(age) })
    // of a day without a partition
    await store.append({ ...appendOf('rows', payloads(0, 40_000)), receivedAt: daysAgo(60) })
    const read = 41_500
    await store.append({ ...appendOf('unread', payloads(0, 100)), receivedAt: daysAgo(60) })
    const keys = `table: events, exported_by: "${file}"`
    const count = async () => Number((await client.query('select count(*) from events')).rows[0].count)
    for (let kill = 0; kill < kills; kill++) {
      const before = await count()
      const child = fork(fileURLToPath(new URL('./child.suite.ts', import.meta.url)), [url, keys, String(read)], {
        execArgv: process.execArgv.filter(flag => !flag.startsWith('--test')),
      })
      const gone = once(child, 'exit')
      const steps = before - Math.floor((before * kill) / (4 * kills)) - 1
      while (child.exitCode === null && (await count()) > steps);
      child.kill('SIGKILL')
      await gone
      const { rows } = await client.query(
        "select count(*) from events join streams using (stream_id) where stream_key = 'unread'",
      )
      assert.equal(rows[0].count, '100')
      if (kill === 0) assert.ok((await count()) > 100, 'it was in the middle')
    }
    const rest = await count()
    assert.equal((await run({ keys, url, state: { 'in:events': { position: read } } })).figures.rows, rest - 100)
    assert.equal(await count(), 100)
    assert.equal((await run({ keys: force, url })).figures.rows, 100)
    const { rows } = await client.query('select stream_key, count from streams order by 1')
    assert.deepEqual(rows, [
      { stream_key: 'days', count: '1500' },
      { stream_key: 'rows', count: '40000' },
      { stream_key: 'unread', count: '100' },
    ])
  },
)
