import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { openSqliteState } from './sqlite.ts'

const program = fileURLToPath(new URL('./child.suite.ts', import.meta.url))

/** A process that holds the lock of `namespace` and writes; `first` is what it said first. */
async function start(t: TestContext, path: string, namespace: string) {
  const child = fork(program, [path, namespace])
  t.after(() => child.kill('SIGKILL'))
  const said: unknown[] = []
  child.on('message', message => said.push(message))
  const [first] = await once(child, 'message')
  return {
    pid: child.pid!,
    first: first as string,
    said,
    async until(n: number) {
      while (Number(said.at(-1)) < n || said.at(-1) === 'locked') await once(child, 'message')
    },
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

test('a process that is killed leaves no lock, and of each change all or nothing', async t => {
  const path = join(tempFolder(t), 'state.db')
  for (let round = 0; round < 3; round++) {
    const child = await start(t, path, 'app/orders')
    assert.equal(child.first, 'locked')
    await child.until(10)
    await child.kill()
    const told = Number(child.said.at(-1))
    const state = await openSqliteState(path)
    const lock = await state.lock('app/orders')
    const values = new Set((await state.read('app/orders')).values())
    assert.equal(values.size, 1, 'all keys are of one change')
    const written = Number([...values][0])
    assert.ok(written >= told, `${written} is behind ${told}, which was reported as written`)
    assert.equal((await state.deadLetters('app/orders')).letters.at(-1)!.epoch, written)
    await lock.release()
    await state.reset('app/orders')
    await state.close()
  }
})

test('the other process is named, whether it is a child or the parent', async t => {
  const path = join(tempFolder(t), 'state.db')
  const state = await openSqliteState(path)
  t.after(() => state.close())
  const child = await start(t, path, 'app/orders')
  await assert.rejects(state.lock('app/orders'), {
    code: 'busy',
    message: new RegExp(
      `^the pipeline 'orders' is run by another process \\(pid ${child.pid} on ${hostname()}, since \\d{4}-.* UTC\\): stop that one first$`,
    ),
  })
  await child.kill()
  const lock = await state.lock('app/orders')
  const refused = await start(t, path, 'app/orders')
  assert.match(refused.first, new RegExp(`^busy: .*\\(pid ${process.pid} on `))
  await lock.release()
})

test('processes with different pipelines share one file that none of them has made before', async t => {
  const path = join(tempFolder(t), 'state.db')
  const children = await Promise.all(['a', 'b', 'c'].map(name => start(t, path, `app/${name}`)))
  for (const child of children) {
    assert.equal(child.first, 'locked')
    await child.until(20)
  }
  await Promise.all(children.map(child => child.kill()))
  const state = await openSqliteState(path)
  for (const name of ['a', 'b', 'c']) assert.ok((await state.countDeadLetters(`app/${name}`)) >= 20)
  await state.close()
})
