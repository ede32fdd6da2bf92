import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { compare } from './judge.ts'
import { type Receiver, startReceiver } from './receiver.ts'

/** The control of the service: senders that break their word must be found out. */

async function startFor(t: TestContext, numbers: readonly number[] = [], rate = 0): Promise<Receiver> {
  let at = 0
  const receiver = await startReceiver(() => numbers[at++] ?? 1, rate)
  t.after(() => receiver.close())
  return receiver
}

const row = (event_id: number, n = event_id) => ({ event_id, lane: 'a', place: n, n, pad: 0, part: 0, _gs_op: 'i' })
const wanted = new Map([1, 2, 3].map(id => [id, `a ${id} ${id} 0 0`]))

async function post(url: string, key: string | undefined, ...rows: object[]): Promise<number> {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(rows) })).status
}

test('what came once under each key is right, and a request that is sent again changes nothing', async t => {
  const receiver = await startFor(t)
  assert.equal(await post(receiver.url, 'k1', row(1), row(2)), 200)
  assert.equal(await post(receiver.url, 'k2', row(3)), 200)
  assert.equal(await post(receiver.url, 'k1', row(1), row(2)), 200)
  assert.deepEqual(compare('it', wanted, receiver.rows()), [])
  assert.deepEqual(receiver.violations, [])
  assert.equal(receiver.repeated, 1)
})

test('found out: a row under two keys, and one that never came', async t => {
  const receiver = await startFor(t)
  await post(receiver.url, 'k1', row(1), row(2))
  await post(receiver.url, 'k2', row(2))
  assert.deepEqual(compare('it', wanted, receiver.rows()), [
    'it: 1 events are missing: 3',
    'it: 1 events are there twice: 2',
  ])
})

test('found out: one key for two bodies, and a request without a key', async t => {
  const receiver = await startFor(t)
  await post(receiver.url, 'k1', row(1))
  await post(receiver.url, 'k1', row(2))
  await post(receiver.url, undefined, row(3))
  assert.equal(receiver.violations.length, 2)
  assert.match(receiver.violations[0]!, /^the key k1 stands for two bodies: \[\{"event_id":1,.* and \[\{"event_id":2,/)
  assert.match(receiver.violations[1]!, /^a request without a key: \[\{"event_id":3/)
})

test('it fails before it kept a request, and after, with an answer or without', async t => {
  const receiver = await startFor(t, [0, 0.1, 0, 0.5, 0, 0.9], 0.5)
  assert.equal(await post(receiver.url, 'k1', row(1)), 503)
  assert.deepEqual(receiver.rows(), [])
  await assert.rejects(post(receiver.url, 'k2', row(2)))
  assert.equal(await post(receiver.url, 'k3', row(3)), 500)
  assert.deepEqual(
    receiver.rows().map(([id]) => id),
    [2, 3],
  )
})
