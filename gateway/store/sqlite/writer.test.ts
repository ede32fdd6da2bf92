import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import type { AppendRequest } from '../store.ts'
import { openForWriting } from './database.ts'
import { storeFailure } from './failures.ts'
import { contents, payloads, tempFolder } from './faults.suite.ts'
import { decodeOutcome, encodeGroup, type Item } from './group.ts'
import { createOwner } from './owner.ts'
import { createWriter } from './writer.ts'

const groupOf = (...requests: AppendRequest[]) => encodeGroup(requests.map(request => ({ request })))
const quiet = { request() {}, held() {} }

function openFor(t: TestContext) {
  const path = join(tempFolder(t), 'a.db')
  const db = openForWriting(path, 'full')
  t.after(() => db.close())
  return { path, db, writer: createWriter(db) }
}

test('a database that has all the pages it may have is disk_full, and goes on when it may have more', t => {
  const { path, db, writer } = openFor(t)
  writer.apply(groupOf(appendOf('k', payloads(10))))
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`)
  const big = () => groupOf(appendOf('other', ['1']), appendOf('k', payloads(1000, 100, 10), { offset: 10 }))
  let failure: unknown
  try {
    writer.apply(big())
  } catch (error) {
    failure = error
  }
  assert.deepEqual([storeFailure(failure, path).code, storeFailure(failure, path).status], ['disk_full', 507])
  db.pragma('max_page_count = 4294967294')
  writer.apply(big())
  assert.deepEqual(contents(path), { k: [...payloads(10), ...payloads(1000, 100, 10)], other: ['1'] })
})

test('after a commit of unknown fate a new writer tells whether it took effect', t => {
  const { writer, db } = openFor(t)
  writer.apply(groupOf(appendOf('old', ['1', '2'])))
  const before = createWriter(db)
  const group = groupOf(
    appendOf('old', ['1', '2'], { offset: 0 }),
    appendOf('old', undefined, { epoch: 4 }),
    appendOf('gap', ['1'], { offset: 9 }),
    appendOf('old', ['3', '4'], { dead: { 0: 'bad_event' } }),
    appendOf('new', ['1']),
  )
  const copy = structuredClone(group)
  const attempt = { ...writer.apply(group) }
  assert.equal(before.wasStored(copy, attempt), true)

  const later = { ...attempt, results: attempt.results.map((value, i) => (i % 7 === 3 ? value + 1 : value)) }
  assert.equal(before.wasStored(copy, later), false, 'a count that was not reached yet')
})

test('a group that stored nothing may be applied again', t => {
  const { writer } = openFor(t)
  writer.apply(groupOf(appendOf('k', ['1'])))
  const group = groupOf(appendOf('k', ['1'], { offset: 0 }), appendOf('opened', undefined, { epoch: 2 }))
  const attempt = writer.apply(group)
  assert.equal(writer.wasStored(group, attempt), false)
  assert.deepEqual(writer.apply(group).results, attempt.results)
})

test('a writer does not take the fate of an earlier commit for that of this one', t => {
  const { db, writer } = openFor(t)
  writer.apply(groupOf(appendOf('k', ['1'])))
  // a broken reference shows at the COMMIT only
  db.exec(`create table parents (id integer primary key);
           create table children (id integer references parents deferrable initially deferred);
           create trigger orphan after insert on events begin insert into children values (1); end`)
  assert.throws(() => writer.apply(groupOf(appendOf('k', ['2']))), /FOREIGN KEY/)
  assert.equal(writer.uncertain?.events, 1)
  db.exec("create trigger refuse before insert on events begin select raise(abort, 'refused'); end")
  assert.throws(() => writer.apply(groupOf(appendOf('k', ['3']))), /refused/)
  assert.equal(writer.uncertain, undefined)
})

test('closes alone, no entries at all, and an open are groups too', t => {
  const { path, writer, db } = openFor(t)
  const items: Item[] = [
    { request: appendOf('k', undefined) },
    { request: appendOf('k', []) },
    { request: appendOf('k', [], { last: true, receivedAt: 7 }) },
  ]
  const { results } = writer.apply(encodeGroup(items))
  const streamId = decodeOutcome(results, 0).streamId
  assert.deepEqual(decodeOutcome(results, 2), {
    ok: true,
    streamId,
    epoch: 0,
    count: 0,
    accepted: 0,
    duplicates: 0,
    rejected: 0,
  })
  const closedAt = () => db.prepare('select closed_at from streams where stream_id = ?').pluck().get(streamId)
  assert.equal(closedAt(), 7)
  writer.apply(encodeGroup([{ close: { streamId, at: 8 } }, { close: { streamId: 999, at: 8 } }]))
  assert.equal(closedAt(), 8)
  writer.apply(encodeGroup([{ request: appendOf('k', ['1']) }, { close: { streamId, at: 9 } }]))
  assert.equal(closedAt(), 9)
  writer.apply(encodeGroup([{ close: { streamId, at: 10 } }, { request: appendOf('k', ['2']) }]))
  assert.equal(closedAt(), null)
  assert.deepEqual(contents(path), { k: ['1', '2'] })
})

test('an owner that is closed stays closed', t => {
  const path = join(tempFolder(t), 'a.db')
  const owner = createOwner(path, 'full', quiet)
  owner.apply(groupOf(appendOf('k', ['1'])))
  owner.close()
  owner.close()
  assert.throws(() => owner.apply(groupOf(appendOf('k', ['2']))), { code: 'stopping' })
  assert.throws(() => owner.probe(), { code: 'stopping' })
})

test('a probe leaves nothing behind, and the cache as it was', t => {
  const path = join(tempFolder(t), 'a.db')
  const owner = createOwner(path, 'full', quiet)
  t.after(() => owner.close())
  const { results } = owner.apply(groupOf(appendOf('k', ['1'])))
  owner.probe()
  owner.apply(groupOf(appendOf('k', ['2'])))
  assert.deepEqual(contents(path), { k: ['1', '2'] })
  const next = owner.apply(groupOf(appendOf('second', ['1'])))
  assert.equal(decodeOutcome(next.results, 0).streamId, decodeOutcome(results, 0).streamId + 1)
  assert.equal(next.lastEventId, 3)
})
