import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { contentOf, generator, tempFolder } from './file.suite.ts'

/**
 * Entry n is the text of n. It appends, settles what is 40 old, and drops every seventh when it is 10 old; a number is
 * written to stdout, a file, once all of that is done.
 */
const producer = `
  import { writeSync } from 'node:fs'
  const { fileSpool } = await import(${JSON.stringify(new URL('./file.ts', import.meta.url).href)})
  const spool = fileSpool(process.argv[1], { segmentBytes: 300 })
  const { state, entries, next } = spool.open()
  let head = entries[0]?.entry ?? next
  spool.begin({ key: 'k', epoch: (state?.epoch ?? 0) + 1, entry: head, position: head })
  // it was killed between an append and the drop that follows it
  for (const { entry } of entries) if (entry % 7 === 0 && entry <= next - 11) spool.drop(entry, 1)
  for (let n = next; ; n++) {
    if (!spool.append(String(n))) throw new Error('not taken')
    if (n >= 10 && (n - 10) % 7 === 0) spool.drop(n - 10, 1)
    if (n - 40 > head) spool.settle((head = n - 40), n - 40)
    writeSync(1, n + '\\n')
  }`

const seed = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000)
const rounds = 12

test(`what append took is there after a kill -9 at any moment (MILLRACE_SEED=${seed})`, async t => {
  const folder = tempFolder(t)
  const log = join(tempFolder(t), 'log')
  const random = generator(seed)
  let known = -1
  for (let round = 1; round <= rounds; round++) {
    const told = openSync(log, 'a')
    const child = spawn(process.execPath, ['--input-type=module', '-e', producer, folder], {
      stdio: ['ignore', told, 'inherit'],
    })
    closeSync(told)
    t.after(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    const target = statSync(log).size + 1 + random() * 15_000
    while (statSync(log).size < target && child.exitCode === null) await delay(1)
    child.kill('SIGKILL')
    assert.equal((await exit)[1], 'SIGKILL', 'it ended by itself')
    const printed = Number(readFileSync(log, 'utf8').split('\n').at(-2))
    assert.ok(printed > known)
    known = checked(folder, printed, round)
  }
})

/** Returns the last entry. */
function checked(folder: string, printed: number, round: number): number {
  const { state, entries, next } = contentOf(folder)
  assert.equal(state?.epoch, round)
  assert.ok(next > printed, `entry ${printed} was taken, but the next is ${next}`)
  assert.ok(state.entry <= Math.max(0, next - 40), 'nothing counts as settled that was not')
  const there = new Map(entries.map(({ entry, line }) => [entry, line]))
  for (let n = state.entry; n <= printed; n++)
    if (n % 7 === 0 && n <= printed - 10) assert.equal(there.has(n), false, `entry ${n} was dropped`)
    else if (n % 7 !== 0) assert.equal(there.get(n), String(n), `entry ${n} was taken`)
  return next - 1
}
