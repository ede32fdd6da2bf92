import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { StateBackend } from './state.ts'

/**
 * Of a program that a test starts: holds the lock of the namespace, and writes one change after the other until it is
 * killed. Says each step to its parent.
 */
export async function holdAndWrite(open: () => Promise<StateBackend>, namespace: string): Promise<void> {
  const send = (message: unknown) => process.send!(message)
  process.on('disconnect', () => process.exit(1))
  try {
    const state = await open()
    await state.lock(namespace)
    send('locked')
    for (let n = 1; ; n++) {
      const dead = { node: 'n', epoch: n, code: 'c', message: 'm', row: '{}', retryable: true, size: 2, at: 1 }
      const set = new Map(Array.from({ length: 20 }, (_, k) => [`key ${k}`, n]))
      await state.write(namespace, { set, dead: [dead] })
      send(n)
    }
  } catch (error) {
    send(`${(error as { code: string }).code}: ${(error as Error).message}`)
    process.disconnect()
  }
}

/** Starts such a program; `argument` says which backend. `first` is what it said first. */
export async function startChild(t: TestContext, program: URL, argument: string, namespace: string) {
  const child = fork(fileURLToPath(program), [argument, namespace])
  t.after(() => child.kill('SIGKILL'))
  const said: unknown[] = []
  child.on('message', message => said.push(message))
  const [first] = await once(child, 'message')
  return {
    pid: child.pid!,
    first: first as string,
    said,
    signal: (name: NodeJS.Signals) => child.kill(name),
    async until(n: number) {
      while (!(Number(said.at(-1)) >= n)) {
        const last = said.at(-1)
        assert.ok(typeof last === 'number' || last === 'locked', `it ended: ${last}`)
        await once(child, 'message')
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

/** All keys are of one change, which is not older than what was reported, and each change has its letter; closes. */
export async function checkWritten(state: StateBackend, namespace: string, told: number): Promise<void> {
  const lock = await state.lock(namespace)
  const values = new Set((await state.read(namespace)).values())
  assert.equal(values.size, 1, 'all keys are of one change')
  const written = Number([...values][0])
  assert.ok(written >= told, `${written} is behind ${told}, which was reported as written`)
  const epochs: number[] = []
  for (
    let page = await state.deadLetters(namespace);
    ;
    page = await state.deadLetters(namespace, { after: page.next })
  ) {
    epochs.push(...page.letters.map(({ epoch }) => epoch))
    if (page.next === null) break
  }
  assert.deepEqual(
    epochs,
    Array.from({ length: written }, (_, n) => n + 1),
    'each letter is there once',
  )
  await state.reset(namespace)
  await lock.release()
  await state.close()
}
