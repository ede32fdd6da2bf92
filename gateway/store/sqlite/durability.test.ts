import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { appendOf } from '../store.suite.ts'
import { type Durability, openForWriting } from './database.ts'
import { contents, payloads, stored, tempFolder } from './faults.suite.ts'
import { startRemote } from './remote.suite.ts'

const commits = 100

/** Syncs that a store asks the system for during `commits` appends one after the other. */
async function syncsOf(t: TestContext, durability: Durability): Promise<number> {
  const folder = tempFolder(t)
  const path = join(folder, 'a.db')
  const trace = join(folder, 'trace')
  const command = ['strace', '-f', '-qq', '-o', trace, '-e', 'trace=fsync,fdatasync']
  const owner = await startRemote(t, path, { durability, command })
  for (const text of payloads(commits)) stored(await owner.append(appendOf('k', [text])))
  await owner.kill()
  assert.deepEqual(contents(path), { k: payloads(commits) }, 'the end of a process alone loses nothing')
  return readFileSync(trace, 'utf8')
    .split('\n')
    .filter(line => /sync\(\d+/.test(line)).length
}

test('with full durability every commit is synced; with relaxed durability the system syncs when it likes', async t => {
  const [full, relaxed] = [await syncsOf(t, 'full'), await syncsOf(t, 'relaxed')]
  t.diagnostic(`${full} and ${relaxed} syncs for ${commits} commits`)
  assert.ok(full >= commits)
  assert.ok(relaxed < commits / 4)
})

for (const [durability, synchronous] of [
  ['full', 2],
  ['relaxed', 1],
] as const)
  test(`${durability} is synchronous = ${synchronous} with a write-ahead log, on every opening`, t => {
    const path = join(tempFolder(t), 'a.db')
    for (let opening = 0; opening < 2; opening++) {
      const db = openForWriting(path, durability)
      assert.equal(db.pragma('synchronous', { simple: true }), synchronous)
      assert.equal(db.pragma('journal_mode', { simple: true }), 'wal')
      db.close()
    }
  })
