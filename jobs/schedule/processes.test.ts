import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tempFolder } from '../runtime/harness/folder.suite.ts'
import { openRuns } from './runs/open.ts'

const program = fileURLToPath(new URL('./child.suite.ts', import.meta.url))

function places(t: TestContext) {
  const folder = tempFolder(t)
  return { state: join(folder, 'state.db'), file: join(folder, 'work.log') }
}

function start(t: TestContext, { state, file }: ReturnType<typeof places>, hang = ''): ChildProcess {
  const child = fork(program, [state, file, hang])
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function said(child: ChildProcess, what: string, times = 1): Promise<void> {
  for (let seen = 0; seen < times; ) {
    const [message] = await once(child, 'message')
    if (message === what) seen++
  }
}

test('processes with the same jobs run each time once, never two at once', async t => {
  const where = places(t)
  const children = [start(t, where), start(t, where), start(t, where)]
  await Promise.race(children.map(child => said(child, 'end', 3)))
  for (const child of children) {
    child.kill('SIGTERM')
    await once(child, 'close')
  }
  const runs = await openRuns({ state: where.state })
  t.after(() => runs.close())
  const done = (await runs.list()).filter(({ outcome }) => outcome === 'ok')
  assert.ok(done.length >= 3)
  assert.equal(new Set(done.map(({ due_at }) => due_at)).size, done.length)
  const lines = readFileSync(where.file, 'utf8').trim().split('\n')
  for (let at = 0; at + 1 < lines.length; at += 2)
    assert.equal(lines[at + 1], lines[at]!.replace('begin', 'end'), 'what began ended before another began')
})

test('a process that is killed in a run leaves it to the next, which does it again', async t => {
  const where = places(t)
  const first = start(t, where, 'hang')
  await said(first, 'begin')
  const second = start(t, where)
  first.kill('SIGKILL')
  // the first is recorded once there is another
  await said(second, 'end', 2)
  const runs = await openRuns({ state: where.state })
  t.after(() => runs.close())
  const [abandoned, done] = (await runs.list()).toReversed()
  assert.deepEqual([abandoned!.outcome, done!.outcome], ['abandoned', 'ok'])
  assert.match(
    abandoned!.message,
    new RegExp(`^its process \\(pid ${first.pid} on .*\\) gave no sign of life any more$`),
  )
  assert.ok(done!.started_at >= abandoned!.finished_at!, 'not before its lease was over')
})
