import assert from 'node:assert/strict'
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { appendOf } from '../store.suite.ts'
import { atEnd, codeOf, contents, openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'

/** The threads that are started while a test runs; the first one of a store is its writer. */
function watchThreads(t: TestContext): Worker[] {
  const threads: Worker[] = []
  const add = (worker: Worker) => threads.push(worker)
  process.on('worker', add)
  atEnd(t, () => process.off('worker', add))
  return threads
}

test('a writer thread that dies is started again: pending appends are refused, later ones stored, none twice', async t => {
  const path = join(tempFolder(t), 'a.db')
  const threads = watchThreads(t)
  const warnings: string[] = []
  const store = await openFor(t, path, { onWarning: message => warnings.push(message) })
  const acked: string[] = []
  for (let round = 0; round < 3; round++) {
    const texts = payloads(50, 2000, round * 1000)
    const pending = texts.map(text =>
      store.append(appendOf('k', [text])).then(
        () => acked.push(text),
        error => assert.equal(error.code, 'store_unavailable'),
      ),
    )
    await new Promise(resolve => setTimeout(resolve, round))
    await threads.at(-1)!.terminate()
    await Promise.all(pending)
    await until('the store is healthy', () => store.health().ok)
    const again = payloads(1, 2000, round * 1000 + 100)
    stored(await store.append(appendOf('k', again)))
    acked.push(...again)
  }
  await store.close()
  const found = contents(path).k!
  assert.equal(new Set(found).size, found.length, 'none is stored twice')
  assert.deepEqual(
    acked.filter(text => !found.includes(text)),
    [],
  )
  assert.match(warnings.join('\n'), /the writer thread ended; it is being started again/)
})

test('no append or call waits for a writer thread that is gone, and the store can be closed', async t => {
  const path = join(tempFolder(t), 'a.db')
  const threads = watchThreads(t)
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', ['1'])))
  const ended = threads[0]!.terminate()
  const calls = [
    store.deleteStream({ tenant: '', key: 'k' }),
    store.append(appendOf('k', ['2'])),
    store.purgeDeadLetters([1]),
  ]
  for (const fate of await Promise.allSettled(calls))
    if (fate.status === 'rejected') assert.equal(fate.reason.code, 'store_unavailable')
  await ended
  await store.close()
  assert.equal(existsSync(`${path}-wal`), false)
})

test('a reader thread that dies loses its calls, and the next call has a new one', async t => {
  const path = join(tempFolder(t), 'a.db')
  const threads = watchThreads(t)
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', ['1'])))
  assert.equal((await store.listStreams({ limit: 1 })).length, 1)
  const pending = Array.from({ length: 20 }, () => store.listStreams({ limit: 1 }))
  const ended = threads[1]!.terminate()
  const fates = await Promise.allSettled(pending)
  const refused = fates.filter(fate => fate.status === 'rejected')
  assert.deepEqual(new Set(refused.map(fate => fate.reason.code)), new Set(['store_unavailable']))
  await ended
  assert.equal((await store.listStreams({ limit: 1 })).length, 1)
})

test('appends that wait when the store is closed are all stored, and nothing but the database stays', async t => {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const store = await openFor(t, path)
  await store.append(appendOf('k', ['0']))
  await store.listStreams({ limit: 1 })
  await store.query('select 1', [], { ms: 5000, bytes: 1 << 26, rows: 1 })
  // more than a group, so that several are still to come
  const pending = payloads(600, 50_000).map((text, i) => store.append(appendOf(`k${i}`, [text])))
  const closed = store.close()
  const late = codeOf(store.append(appendOf('late', ['1'])))
  assert.equal(store.close(), closed, 'closing twice is closing once')
  for (const outcome of await Promise.all(pending)) assert.equal(stored(outcome).count, 1)
  await closed
  assert.equal(await late, 'stopping')
  assert.deepEqual(readdirSync(folder).sort(), ['a.db', 'a.db.lock'])
  assert.equal(Object.keys(contents(path)).length, 601)
})

test('a closed store refuses everything, and starts no thread or process for it', async t => {
  const path = join(tempFolder(t), 'a.db')
  const threads = watchThreads(t)
  const store = await openFor(t, path)
  await store.close()
  const before = threads.length
  const calls = [
    store.append(appendOf('k', ['1'])),
    store.listStreams({ limit: 1 }),
    store.getStream({ tenant: '', key: 'k' }),
    store.deleteStream({ tenant: '', key: 'k' }),
    store.readTail({ after: 0, limit: 1, where: '1' }),
    store.query('select 1', [], { ms: 1000, bytes: 1 << 26, rows: 1 }),
    store.retryDeadLetter(1, Buffer.from('1')),
    store.revokeToken('a', 1),
  ]
  assert.deepEqual(new Set(await Promise.all(calls.map(codeOf))), new Set(['stopping']))
  assert.equal(threads.length, before)
})

test('a store that could not be opened leaves no thread, and can be opened once it is sound', async t => {
  const folder = tempFolder(t)
  const path = join(folder, basename('a.db'))
  writeFileSync(path, 'no database '.repeat(1000))
  const threads = watchThreads(t)
  for (let i = 0; i < 3; i++) assert.equal(await codeOf(openFor(t, path)), 'store_unavailable')
  await until('the threads are gone', () => threads.every(thread => thread.threadId === -1))
  writeFileSync(path, '')
  chmodSync(path, 0o600)
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', ['1'])))
})
