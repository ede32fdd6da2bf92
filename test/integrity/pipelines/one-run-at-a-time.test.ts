import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { tempFolder, until } from '../../../gateway/store/sqlite/faults.suite.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import { lakeScenario } from './scenarios.ts'
import { setUp } from './setup.ts'

/** Stops all threads of the process. */
async function stop(one: PipelineProcess): Promise<void> {
  one.signal('SIGSTOP')
  const tasks = `/proc/${one.pid}/task`
  // the state stands behind the name, which may hold anything
  const isStopped = (task: string) => /.*\) T/s.test(readFileSync(join(tasks, task, 'stat'), 'latin1'))
  await until('the stop', () => readdirSync(tasks).every(isStopped))
}

/** Nobody is in the middle of a transaction. */
function isFree(file: string): boolean {
  const db = new Database(file, { timeout: 0 })
  try {
    db.exec('begin immediate; rollback')
    return true
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return false
    throw error
  } finally {
    db.close()
  }
}

test('while a process is stopped no other one runs its pipeline, and it goes on', async t => {
  const { start, send, epoch, judge } = await setUp(t, { scenario: lakeScenario() })
  const first = start()
  await until('the first epoch', () => epoch() > 0)
  await stop(first)
  send(2000)
  const second = start()
  assert.equal(await second.exited, 1)
  assert.match(second.log(), new RegExp(`is run by another process \\(pid ${first.pid} on .*stop that one first`))
  const before = epoch()
  first.signal('SIGCONT')
  await until('a new epoch', () => epoch() > before)
  await first.end('SIGKILL')
  await judge()
})

test('a process that was stopped while its sinks were taken over from elsewhere can publish nothing more', async t => {
  const { dir, start, send, epoch, judge } = await setUp(t, { scenario: lakeScenario() })
  const elsewhere = join(tempFolder(t), 'state.db')
  const first = start()
  await until('the first epoch', () => epoch() > 0)
  await until('a stop without a lock on the tables, for which the other would wait', async () => {
    await stop(first)
    if (isFree(join(dir, 'out.db'))) return true
    first.signal('SIGCONT')
    return false
  })
  const second = start({ state: elsewhere })
  send(2000)
  await until('a new epoch elsewhere', () => epoch(elsewhere) > epoch())
  first.signal('SIGCONT')
  assert.equal(await first.exited, 1)
  assert.match(first.log(), /a newer run .* took over/)
  await second.end('SIGKILL')
  await judge(elsewhere)
})
