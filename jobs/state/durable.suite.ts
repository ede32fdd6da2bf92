import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { type TestContext, test } from 'node:test'
import { checkWritten, startChild } from './child.suite.ts'
import { letterOf } from './state.suite.ts'
import type { StateBackend } from './state.ts'

/** What every backend keeps that outlives its process, and that several processes share. */

export interface Place {
  /** of the program: which backend */
  argument: string
  open(): Promise<StateBackend>
}

export interface DurableSubject {
  skip?: string | false
  /** opens the backend that its first argument names, and calls `holdAndWrite` */
  program: URL
  /** how often a process is killed. Default 3 */
  rounds?: number
  /** of the test's own; nothing is made yet */
  place(t: TestContext): Place
}

export function durableSuite({ skip = false, program, rounds = 3, place }: DurableSubject): void {
  async function openFor(t: TestContext, open: Place['open']): Promise<StateBackend> {
    const state = await open()
    t.after(() => state.close())
    return state
  }

  test('a process that is killed leaves no lock, and of each change all or nothing', { skip }, async t => {
    const { argument, open } = place(t)
    for (let round = 0; round < rounds; round++) {
      const child = await startChild(t, program, argument, 'app/orders')
      assert.equal(child.first, 'locked')
      await child.until(10 + round)
      await child.kill()
      await checkWritten(await open(), 'app/orders', Number(child.said.at(-1)))
    }
  })

  test('the other process is named, whether it is a child or the parent', { skip }, async t => {
    const { argument, open } = place(t)
    const state = await openFor(t, open)
    const child = await startChild(t, program, argument, 'app/orders')
    await assert.rejects(state.lock('app/orders'), {
      code: 'busy',
      message: new RegExp(
        `^the pipeline 'orders' is run by another process \\(pid ${child.pid} on ${hostname()}, since \\d{4}-.* UTC\\): stop that one first$`,
      ),
    })
    await child.kill()
    const lock = await state.lock('app/orders')
    const refused = await startChild(t, program, argument, 'app/orders')
    assert.match(refused.first, new RegExp(`^busy: .*\\(pid ${process.pid} on `))
    await lock.release()
  })

  test('processes with different pipelines share a place that none of them has made before', { skip }, async t => {
    const { argument, open } = place(t)
    const children = await Promise.all(['a', 'b', 'c'].map(name => startChild(t, program, argument, `app/${name}`)))
    for (const child of children) {
      assert.equal(child.first, 'locked')
      await child.until(20)
    }
    await Promise.all(children.map(child => child.kill()))
    const state = await openFor(t, open)
    for (const name of ['a', 'b', 'c']) assert.ok((await state.countDeadLetters(`app/${name}`)) >= 20)
  })

  test('a page of large letters ends by bytes, and none is left out', { skip }, async t => {
    const state = await openFor(t, place(t).open)
    const row = JSON.stringify({ text: 'x'.repeat(3 << 20) })
    for (let i = 0; i < 5; i++) await state.write('n', { dead: [{ ...letterOf('a'), row }] })
    const first = await state.deadLetters('n')
    assert.equal(first.letters.length, 3)
    const rest = await state.deadLetters('n', { after: first.next! })
    assert.deepEqual([rest.letters.length, rest.next], [2, null])
  })
}
