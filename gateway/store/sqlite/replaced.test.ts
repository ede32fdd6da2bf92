import assert from 'node:assert/strict'
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { AppError } from '../../../core/errors.ts'
import { appendOf } from '../store.suite.ts'
import type { Store } from '../store.ts'
import { codeOf, contents, openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'
import { startRemote } from './remote.suite.ts'

const limits = { ms: 5000, bytes: 64 << 20, rows: 10 }

/** A store of which every part has the file open: writer, reader, and a process for queries. */
async function openWide(t: TestContext, path: string, onWarning?: (message: string) => void): Promise<Store> {
  const store = await openFor(t, path, { onWarning })
  stored(await store.append(appendOf('k', payloads(100))))
  assert.equal((await store.listStreams({ limit: 10 })).length, 1)
  assert.deepEqual((await store.query('select count(*) from events', [], limits)).rows, [[100]])
  return store
}

/** A store is made at another place, so that it can be moved to this one. */
async function another(t: TestContext, key: string): Promise<string> {
  const path = join(tempFolder(t), 'other.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf(key, payloads(5000, 200))))
  await store.close()
  return path
}

async function appendUntilStored(store: Store, key: string, text: string): Promise<void> {
  await until(`an append to ${key}`, async () => {
    const failed = (error: AppError) => assert.equal(error.code, 'store_unavailable') as undefined
    const outcome = await store.append(appendOf(key, [text], { offset: 0 })).catch(failed)
    return outcome?.ok === true
  })
}

test('a store that was deleted under the gateway is begun anew, and what it acknowledges from then on is kept', async t => {
  const path = join(tempFolder(t), 'a.db')
  const warnings: string[] = []
  const store = await openWide(t, path, message => warnings.push(message))
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file)
  await until('there is a database again', () => existsSync(path))
  await until('the store is healthy', () => store.health().ok)
  assert.match(warnings.join('\n'), /a\.db was deleted or replaced while it was open/)

  await appendUntilStored(store, 'new', '"new"')
  assert.deepEqual(
    (await store.listStreams({ limit: 10 })).map(stream => stream.stream_key),
    ['new'],
  )
  assert.deepEqual((await store.query('select payload from events', [], limits)).rows, [['"new"']])
  await store.close()
  assert.deepEqual(contents(path), { new: ['"new"'] })
})

for (const [how, reader] of [
  ['', false],
  [', also where a third process still reads the old one', true],
] as const)
  test(`a store that is put in the place of the open one is taken as it is${how}`, async t => {
    const path = join(tempFolder(t), 'a.db')
    const store = await openWide(t, path)
    const guest = reader ? await startRemote(t, path, { role: 'guest' }) : undefined
    if (guest !== undefined) assert.equal((await guest.listStreams({ limit: 10 })).length, 1)
    renameSync(await another(t, 'restored'), path)
    await until('the other store is served', async () => {
      const streams = await store.listStreams({ limit: 10 }).catch(() => [])
      return streams[0]?.stream_key === 'restored'
    })
    await until('the store is healthy', () => store.health().ok)
    await appendUntilStored(store, 'new', '"new"')
    await store.close()
    assert.deepEqual(contents(path), { restored: payloads(5000, 200), new: ['"new"'] })
  })

test('what may not be opened in the place of the store makes it unavailable until it is gone', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openWide(t, path)
  const aside = `${path}.aside`
  renameSync(path, aside)
  writeFileSync(path, 'not a database, certainly not '.repeat(300))
  await until('the store is not healthy', () => !store.health().ok)
  await until('the file is told to be none', () => {
    const health = store.health()
    return !health.ok && /no SQLite database/.test(health.reason)
  })
  assert.equal(await codeOf(store.append(appendOf('k', ['1']))), 'store_unavailable')
  assert.equal(await codeOf(store.createToken(token)), 'store_unavailable')

  renameSync(aside, path)
  await until('the store is healthy', () => store.health().ok)
  assert.equal(stored(await store.append(appendOf('k', payloads(1, 20, 100), { offset: 100 }))).count, 101)
  await store.close()
  assert.deepEqual(contents(path), { k: payloads(101) })
})

test('a store whose log was deleted keeps all that it acknowledged', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openWide(t, path)
  rmSync(`${path}-wal`)
  rmSync(`${path}-shm`)
  let acked = 100
  await until('there is a log again', async () => {
    const outcome = await store.append(appendOf('k', payloads(1, 20, acked), { offset: acked })).catch(() => undefined)
    if (outcome !== undefined) acked = stored(outcome).count
    return existsSync(`${path}-wal`)
  })
  await until('the store is healthy', () => store.health().ok)
  const { count } = (await store.getStream({ tenant: '', key: 'k' }))!
  assert.equal(count, acked)
  await store.close()
  assert.deepEqual(contents(path), { k: payloads(acked) })
})

test('a store can be closed while its file is gone', async t => {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const store = await openWide(t, path)
  renameSync(folder, `${folder}.moved`)
  t.after(() => rmSync(`${folder}.moved`, { recursive: true }))
  await until('the store is not healthy', () => !store.health().ok)
  assert.equal(await codeOf(store.append(appendOf('k', ['1']))), 'store_unavailable')
  await store.close()
  assert.equal(await codeOf(store.append(appendOf('k', ['1']))), 'stopping')
  assert.equal(new Database(`${folder}.moved/a.db`).prepare('select count(*) from events').pluck().get(), 100)
})

const token = {
  name: 'a',
  hash: 'ab'.repeat(32),
  scopes: ['ingest' as const],
  tenant: '',
  events_per_second: null,
  bytes_per_second: null,
  created_at: 1,
}
