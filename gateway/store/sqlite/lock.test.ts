import assert from 'node:assert/strict'
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { appendOf } from '../store.suite.ts'
import { codeOf, contents, openFor, stored, tempFolder, until } from './faults.suite.ts'
import { startRemote } from './remote.suite.ts'

test('a second gateway on a store is refused with the pid of the first, whatever it calls the file', async t => {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const link = join(folder, 'link.db')
  const dangling = join(folder, 'dangling.db')
  symlinkSync(path, dangling)
  const first = await startRemote(t, dangling)
  symlinkSync(path, link)
  mkdirSync(join(folder, 'sub'))
  for (const name of [path, link, dangling, relative(process.cwd(), path), join(folder, 'sub/../a.db')])
    await assert.rejects(openFor(t, name), {
      code: 'store_busy',
      message: new RegExp(`a\\.db is in use by another gateway \\(pid ${first.pid} on .*stop that one`),
    })
  stored(await first.append(appendOf('k', ['1'])))
  await first.close()
  const next = await openFor(t, link)
  stored(await next.append(appendOf('k', ['2'])))
  await next.close()
  assert.deepEqual(contents(path), { k: ['1', '2'] })
})

test('a file of several names is refused until it has one: its log lies beside one of them only', async t => {
  const folder = tempFolder(t)
  const [path, other] = [join(folder, 'a.db'), join(folder, 'other.db')]
  const first = await startRemote(t, path)
  stored(await first.append(appendOf('k', ['1'])))
  await first.kill()
  linkSync(path, other)
  for (const name of [path, other]) {
    const refusal = { code: 'store_unavailable', message: /\.db is one of 2 names \(hard links\) of one file.*remove/ }
    await assert.rejects(openFor(t, name), refusal)
    await assert.rejects(startRemote(t, name, { role: 'guest' }), refusal)
  }
  assert.deepEqual(
    readdirSync(folder).filter(name => name.startsWith('other')),
    ['other.db'],
  )
  rmSync(other)
  const next = await openFor(t, path)
  await next.close()
  assert.deepEqual(contents(path), { k: ['1'] })
})

test('a second store in the same process is refused too, and takes nothing from the first', async t => {
  const path = join(tempFolder(t), 'a.db')
  const first = await openFor(t, path)
  for (let i = 0; i < 3; i++) assert.equal(await codeOf(openFor(t, path)), 'store_busy')
  stored(await first.append(appendOf('k', ['1'])))
  await first.close()
  const next = await openFor(t, path)
  stored(await next.append(appendOf('k', ['2'])))
})

test('what a killed gateway leaves behind never hinders the next start, and all that it acknowledged is there', async t => {
  const path = join(tempFolder(t), 'a.db')
  const texts: string[] = []
  for (let round = 0; round < 3; round++) {
    const owner = await startRemote(t, path)
    const pending = Array.from({ length: 20 }, (_, i) => owner.append(appendOf('k', [`${round * 20 + i}`])))
    await Promise.all(pending)
    texts.push(...pending.map((_, i) => `${round * 20 + i}`))
    await owner.kill()
  }
  const store = await openFor(t, path)
  assert.equal((await store.getStream({ tenant: '', key: 'k' }))?.count, 60)
  await store.close()
  assert.deepEqual(contents(path), { k: texts })
})

test('of several gateways that start at once one gets the store', async t => {
  const path = join(tempFolder(t), 'a.db')
  const starts = await Promise.allSettled([1, 2, 3, 4].map(() => startRemote(t, path)))
  const refused = starts.filter(start => start.status === 'rejected').map(start => start.reason.code)
  assert.deepEqual(refused, ['store_busy', 'store_busy', 'store_busy'])
})

test('files of a store are for its owner alone', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  await store.append(appendOf('k', ['1']))
  for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}.lock`])
    assert.equal((statSync(file).mode & 0o777).toString(8), '600', file)
})

test('a lock file that is none is named, and nothing else is touched', async t => {
  const path = join(tempFolder(t), 'a.db')
  writeFileSync(`${path}.lock`, 'this is a note, long enough to be taken for a page of a database'.repeat(100))
  await assert.rejects(openFor(t, path), { code: 'store_unavailable', message: /a\.db\.lock: the file is damaged/ })
  assert.equal(existsSync(`${path}-wal`), false)
  rmSync(`${path}.lock`)
  await openFor(t, path)
})

test('a process that only looks at the lock file does not keep a gateway from starting', async t => {
  const path = join(tempFolder(t), 'a.db')
  const first = await openFor(t, path)
  await first.close()
  const reader = new Database(`${path}.lock`, { readonly: true })
  const rows = reader.prepare('select pid from owner').iterate()
  rows.next()
  const opening = openFor(t, path)
  setTimeout(() => {
    rows.return?.()
    reader.close()
  }, 200)
  await opening
})

test('a lock file that is deleted is made again, and still keeps others out', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  await store.append(appendOf('k', ['1']))
  rmSync(`${path}.lock`)
  await until('there is a lock again', () => existsSync(`${path}.lock`))
  await until('the store is healthy', () => store.health().ok)
  assert.equal(await codeOf(openFor(t, path)), 'store_busy')
  stored(await store.append(appendOf('k', ['2'])))
  await store.close()
  assert.deepEqual(contents(path), { k: ['1', '2'] })
})
