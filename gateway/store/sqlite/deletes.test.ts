import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import { createCatalog } from './catalog.ts'
import { openForWriting } from './database.ts'
import { createDeletes } from './deletes.ts'
import { codeOf, contents, openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'
import { encodeGroup } from './group.ts'
import { startRemote } from './remote.suite.ts'
import { createWriter } from './writer.ts'

const many = 200_000
const ref = { tenant: '', key: 'gone' }

test('appends go on between the slices while a stream of 200,000 events is deleted', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('gone', payloads(many))))
  let deleted = false
  const deleting = store.deleteStream(ref).then(done => {
    deleted = done
  })
  let during = 0
  const waits: number[] = []
  while (!deleted) {
    const begun = performance.now()
    stored(await store.append(appendOf('k', [`${during}`])))
    waits.push(performance.now() - begun)
    if (!deleted) during++
  }
  await deleting
  waits.sort((a, b) => a - b)
  t.diagnostic(
    `${during} appends during the delete, slowest ${waits.at(-1)?.toFixed(1)} ms, median ${waits[waits.length >> 1]?.toFixed(1)} ms`,
  )
  assert.ok(during >= 5, `${during} appends were stored before the delete was done`)
  await store.close()
  assert.deepEqual(Object.keys(contents(path)), ['k'])
})

test('a slice ends by its time, also where rows are large, and leaves no row of others out of place', t => {
  const path = join(tempFolder(t), 'a.db')
  const db = openForWriting(path, 'full')
  t.after(() => db.close())
  const writer = createWriter(db)
  const apply = (key: string, texts: string[]) => writer.apply(encodeGroup([{ request: appendOf(key, texts) }]))
  for (let i = 0; i < 40; i++) {
    apply('gone', payloads(1, 2 ** 20, i))
    apply('stays', payloads(1, 100, i))
  }
  apply('gone', payloads(50_000, 20, 40))
  const catalog = createCatalog(db)
  const id = catalog.beginDelete(ref)!
  let slices = 0
  while (catalog.deleteSlice(id)) slices++
  assert.ok(slices >= 3, `${slices} slices`)
  assert.deepEqual(contents(path), { stays: payloads(40, 100) })
})

test('a stream being deleted is out of sight at once, its key begins anew, and a crash in between is made good', async t => {
  const path = join(tempFolder(t), 'a.db')
  const owner = await startRemote(t, path)
  for (let i = 0; i < 10; i++) stored(await owner.append(appendOf('gone', payloads(50_000, 20, i * 50_000))))
  stored(await owner.append(appendOf('stays', ['1'])))
  const { stream_id } = (await owner.getStream(ref))!
  const deleting = owner.deleteStream(ref).then(
    () => 'done',
    () => 'killed',
  )
  await until('the stream is out of sight', async () => (await owner.getStream(ref)) === undefined)
  assert.equal(stored(await owner.append(appendOf('gone', ['"new"'], { offset: 0 }))).count, 1)
  await owner.kill()
  assert.equal(await deleting, 'killed')

  const store = await openFor(t, path)
  assert.equal((await store.readStream(stream_id, 499_999, 1)).events.length, 1, 'it was killed before it was done')
  assert.equal((await store.getStream(ref))?.count, 1)
  await until('the rest is deleted', async () => (await store.readStream(stream_id, 0, 1)).events.length === 0)
  await store.close()
  assert.deepEqual(contents(path), { stays: ['1'], gone: ['"new"'] })
})

test('a store that is closed during a delete closes at once, and finishes it at the next start', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  for (let i = 0; i < 4; i++) stored(await store.append(appendOf('gone', payloads(50_000, 20, i * 50_000))))
  const { stream_id } = (await store.getStream(ref))!
  const deleting = codeOf(store.deleteStream(ref))
  await until('the stream is out of sight', async () => (await store.getStream(ref)) === undefined)
  await store.close()
  assert.equal(await deleting, 'stopping')
  const next = await openFor(t, path)
  await until('the rest is deleted', async () => (await next.readStream(stream_id, 0, 1)).events.length === 0)
  await next.close()
  assert.deepEqual(contents(path), {})
})

test('deletes take turns, and one that failed is finished when it is resumed', async () => {
  const rows = new Map([
    [1, 3],
    [2, 2],
    [3, 1],
  ])
  const order: number[] = []
  let broken = true
  const slice = (id: number) => {
    order.push(id)
    if (id === 2 && broken) throw new Error('the disk is full')
    const left = rows.get(id)! - 1
    rows.set(id, left)
    return left > 0
  }
  const deletes = createDeletes(slice, [3])
  const one = deletes.run(1)
  const two = deletes.run(2)
  await one
  await assert.rejects(two, /the disk is full/)
  assert.deepEqual(order, [1, 1, 1, 2])
  broken = false
  deletes.resume()
  deletes.resume()
  await until('all is deleted', () => [...rows.values()].every(left => left === 0))
  assert.deepEqual(order, [1, 1, 1, 2, 3, 2, 2])
  deletes.stop()
})
