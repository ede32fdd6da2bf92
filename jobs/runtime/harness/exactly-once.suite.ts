import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RecordBatch } from 'apache-arrow'
import type { Sink } from '../contract.ts'
import type { Publisher } from './publisher.suite.ts'
import { checkpoint } from './sink.suite.ts'

export interface ExactlyOnceSubject {
  /** of the sink, for the names of the tests */
  type: string
  /** A path of the test's own, where nothing was published yet. */
  place(t: TestContext): string
  /** A sink that is closed with the test. */
  open(t: TestContext, path: string): Promise<Sink>
  /** A process with such a sink, which waits to be told for each commit. */
  startStepwise(t: TestContext, path: string): Publisher
  /** The rows of an epoch, which the process publishes, too. */
  batch(epoch: number): RecordBatch
  /** Fails unless what is seen there is what the epochs up to this one make. */
  assertIs(path: string, epoch: number): void | Promise<void>
}

/** What every sink promises that publishes rows together with their position. */
export function exactlyOnceSuite({ type, place, open, startStepwise, batch, assertIs }: ExactlyOnceSubject): void {
  test(`${type}: rows are seen with their position, and not before`, async t => {
    const path = place(t)
    const sink = await open(t, path)
    assert.equal(await sink.begin(), undefined)
    for (const epoch of [1, 2, 3]) {
      await sink.write(batch(epoch), epoch)
      await assertIs(path, epoch - 1)
      await sink.commit(checkpoint(epoch))
      await assertIs(path, epoch)
    }
    const next = await open(t, path)
    assert.deepEqual(await next.begin(), checkpoint(3))
  })

  test(`${type}: an epoch without rows is published too`, async t => {
    const sink = await open(t, place(t))
    await sink.begin()
    await sink.commit(checkpoint(1))
    assert.deepEqual(await sink.begin(), checkpoint(1))
  })

  test(`${type}: what was written before begin is gone`, async t => {
    const path = place(t)
    const sink = await open(t, path)
    await sink.begin()
    await sink.write(batch(7), 1)
    await sink.begin()
    await sink.write(batch(1), 1)
    await sink.commit(checkpoint(1))
    await assertIs(path, 1)
  })

  test(`${type}: a process that was stopped past its take-over cannot commit`, async t => {
    const path = place(t)
    const stopped = startStepwise(t, path)
    await stopped.next('staged')
    stopped.commit()
    await stopped.next('committed')
    await stopped.next('staged')
    stopped.child.kill('SIGSTOP')
    const sink = await open(t, path)
    assert.deepEqual(await sink.begin(), checkpoint(1))
    await sink.write(batch(2), 2)
    await sink.commit(checkpoint(2))
    stopped.commit()
    stopped.child.kill('SIGCONT')
    await assert.rejects(stopped.next('committed'), /fenced: .*newer run/)
    await stopped.ended()
    await assertIs(path, 2)
  })
}
