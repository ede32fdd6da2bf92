import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import { atEnd, codeOf, contents, openFor, stored, tempFolder, until } from './faults.suite.ts'

/** Another process that runs `sql` and then holds what it got until `end`. */
async function otherProcess(t: TestContext, path: string, sql: string): Promise<{ end(): Promise<void> }> {
  const program = `
    import Database from 'better-sqlite3'
    const db = new Database(${JSON.stringify(path)}, { timeout: 5000 })
    db.exec(${JSON.stringify(sql)})
    process.stdout.write('holds')
    process.stdin.resume().on('end', () => process.exit())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  const end = async () => {
    child.stdin.end()
    await gone
  }
  atEnd(t, end)
  await once(child.stdout, 'data')
  return { end }
}

describe('while another process holds the lock', { concurrency: true }, () => {
  for (const sql of ['begin immediate', 'begin exclusive'])
    test(`appends wait while another process holds the lock for a moment (${sql})`, async t => {
      const path = join(tempFolder(t), 'a.db')
      const store = await openFor(t, path)
      stored(await store.append(appendOf('k', ['0'])))
      const other = await otherProcess(t, path, sql)
      const appends = [1, 2, 3].map(i => store.append(appendOf('k', [`${i}`])))
      setTimeout(other.end, 700)
      assert.deepEqual((await Promise.all(appends)).map(outcome => stored(outcome).count).sort(), [2, 3, 4])
      assert.equal(store.health().ok, true)
      await store.close()
      assert.deepEqual(contents(path), { k: ['0', '1', '2', '3'] })
    })

  test('a lock that is held for longer than 5 s makes appends store_busy, and then they go on', async t => {
    const path = join(tempFolder(t), 'a.db')
    const store = await openFor(t, path)
    stored(await store.append(appendOf('k', ['0'])))
    const other = await otherProcess(t, path, 'begin immediate')
    const begun = performance.now()
    await assert.rejects(store.append(appendOf('k', ['1'])), {
      code: 'store_busy',
      status: 503,
      message: /another process holds the lock of the database: end its transaction/,
    })
    assert.ok(performance.now() - begun >= 4900, 'it was waited for')
    const health = store.health()
    assert.equal(!health.ok && health.code, 'store_busy')
    assert.equal((await store.getStream({ tenant: '', key: 'k' }))?.count, 1, 'reads go on')
    await other.end()
    await until('the store is healthy', () => store.health().ok)
    assert.equal(stored(await store.append(appendOf('k', ['1']))).count, 2)
    await store.close()
    assert.deepEqual(contents(path), { k: ['0', '1'] })
  })

  test('a store begins while another process holds the write lock, and writes when it is free', async t => {
    const path = join(tempFolder(t), 'a.db')
    await (await openFor(t, path)).close()
    const other = await otherProcess(t, path, 'begin exclusive')
    const store = await openFor(t, path)
    const append = store.append(appendOf('k', ['0']))
    setTimeout(other.end, 300)
    assert.equal(stored(await append).count, 1)
  })

  test('a file that another process keeps for itself is store_busy at the start', async t => {
    const path = join(tempFolder(t), 'a.db')
    await (await openFor(t, path)).close()
    const other = await otherProcess(t, path, 'pragma locking_mode = exclusive; begin exclusive; commit')
    const opening = codeOf(openFor(t, path))
    assert.equal(await opening, 'store_busy')
    await other.end()
    const store = await openFor(t, path)
    assert.equal(stored(await store.append(appendOf('k', ['0']))).count, 1)
  })
})
