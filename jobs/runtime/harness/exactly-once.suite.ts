import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PausedSubject, pauseSuite } from './pauses.suite.ts'
import { checkpoint } from './sink.suite.ts'

/** What every sink promises that publishes rows together with their position. */
export function exactlyOnceSuite(subject: PausedSubject): void {
  const { type, place, open, start, batch, assertIs } = subject
  test(`${type}: rows are seen with their position, and not before`, async t => {
    const path = await place(t)
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
    const sink = await open(t, await place(t))
    await sink.begin()
    await sink.commit(checkpoint(1))
    assert.deepEqual(await sink.begin(), checkpoint(1))
  })

  test(`${type}: what was written before begin is gone`, async t => {
    const path = await place(t)
    const sink = await open(t, path)
    await sink.begin()
    await sink.write(batch(7), 1)
    await sink.begin()
    await sink.write(batch(1), 1)
    await sink.commit(checkpoint(1))
    await assertIs(path, 1)
  })

  test(`${type}: a process that was stopped past its take-over cannot commit`, async t => {
    const path = await place(t)
    const stopped = start(t, path, { stepwise: true })
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

  pauseSuite(subject)
}
