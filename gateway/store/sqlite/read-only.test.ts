import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import { atEnd, contents, openFor, payloads, stored, tempFolder, until } from './faults.suite.ts'
import { startRemote } from './remote.suite.ts'

/**
 * Nobody may write `file` until the returned function is called, not even root: by the immutable flag, which holds for
 * what is open already, or where the file system has none, by its mode, for which root steps back.
 */
function makeReadOnly(t: TestContext, file: string): () => void {
  const { mode } = statSync(file)
  let release: () => void
  try {
    execFileSync('chattr', ['+i', file], { stdio: 'ignore' })
    release = () => execFileSync('chattr', ['-i', file])
  } catch {
    const root = process.getuid?.() === 0
    chmodSync(file, mode & 0o555)
    if (root) process.seteuid?.('nobody')
    release = () => {
      if (root) process.seteuid?.(0)
      chmodSync(file, mode)
    }
  }
  let held = true
  const once = () => {
    if (held) release()
    held = false
  }
  atEnd(t, once)
  return once
}

async function storeWithEvents(t: TestContext): Promise<string> {
  const path = join(tempFolder(t), 'a.db')
  const store = await openFor(t, path)
  stored(await store.append(appendOf('k', payloads(100))))
  await store.close()
  return path
}

/** A store whose last process was killed, so that its log is still there. */
async function storeWithLog(t: TestContext): Promise<string> {
  const path = await storeWithEvents(t)
  const owner = await startRemote(t, path)
  stored(await owner.append(appendOf('k', payloads(100, 20, 100))))
  await owner.kill()
  return path
}

for (const [what, make, file, events] of [
  ['database', storeWithEvents, '', 100],
  ['database with a log', storeWithLog, '', 200],
  ['log', storeWithLog, '-wal', 200],
  ['lock file', storeWithEvents, '.lock', 100],
] as const)
  test(`a store whose ${what} is read-only is refused by name, and begins once it may be written`, async t => {
    const path = await make(t)
    const release = makeReadOnly(t, `${path}${file}`)
    await assert.rejects(openFor(t, path), {
      code: 'store_unavailable',
      status: 503,
      message: /a\.db.*cannot be opened for writing: check the file, its folder and their owner/,
    })
    release()
    const store = await openFor(t, path)
    stored(await store.append(appendOf('k', payloads(1, 20, events))))
    await store.close()
    assert.deepEqual(contents(path), { k: payloads(events + 1) })
  })

test('a store in a folder that is read-only is refused by name, and leaves nothing there', async t => {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const release = makeReadOnly(t, folder)
  await assert.rejects(openFor(t, path), {
    code: 'store_unavailable',
    message: /a\.db.*cannot be opened for writing: check the file, its folder and their owner/,
  })
  release()
  assert.equal(existsSync(path), false)
  await openFor(t, path)
})

for (const [what, file] of [
  ['database', ''],
  ['log', '-wal'],
] as const)
  test(`a ${what} that becomes read-only under the running store costs no acknowledged event`, async t => {
    const path = await storeWithEvents(t)
    const store = await openFor(t, path)
    let acked = 100
    const send = async () => {
      const frames = payloads(10, 20, acked)
      acked = stored(await store.append(appendOf('k', frames, { offset: acked }))).count
    }
    await send()
    assert.equal((await store.getStream({ tenant: '', key: 'k' }))?.count, acked)
    const release = makeReadOnly(t, `${path}${file}`)
    const codes = new Set<string>()
    for (let i = 0; i < 5; i++) await send().catch(error => codes.add(error.code))
    // the database itself is written by checkpoints only; a mode holds for those alone that open the file anew
    codes.delete('store_unavailable')
    assert.deepEqual([...codes], [])
    assert.equal((await store.getStream({ tenant: '', key: 'k' }))?.count, acked)
    release()
    await until('the store is healthy', () => store.health().ok)
    await send()
    await store.close()
    assert.deepEqual(contents(path), { k: payloads(acked) })
  })
