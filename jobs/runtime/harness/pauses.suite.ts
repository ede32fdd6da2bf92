import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import type { Sink } from '../contract.ts'
import type { Publisher, PublisherTask } from './publisher.suite.ts'
import { checkpoint } from './sink.suite.ts'

/** Processes that are stopped (SIGSTOP) and go on (SIGCONT); more by the environment, for long runs. */
export const pausesOr = (usual: number): number => Number(process.env.MILLRACE_PAUSES ?? usual)
/** stopped at the same time, where a pause is long */
const together = 5
/** After so long whoever waits for the lock of a stopped process is let in, ms. */
const lockedMs = 200

export interface PausedSubject {
  /** of the sink, for the names of the tests */
  type: string
  /** A path of the test's own, where nothing was published yet. */
  place(t: TestContext): string | Promise<string>
  /** A sink that is closed with the test. */
  open(t: TestContext, path: string): Promise<Sink>
  /** A process with such a sink, which publishes one epoch after another. */
  start(t: TestContext, path: string, task: PublisherTask): Publisher
  /** The rows of an epoch, which the process publishes, too. */
  batch(epoch: number): RecordBatch
  /** Fails unless what is seen there is what the epochs up to this one make. */
  assertIs(path: string, epoch: number): void | Promise<void>
  /** A process that is stopped within its commit keeps others out until it goes on. Default false */
  locks?: boolean
  /** how many processes are stopped; default 3, or as the environment says */
  pauses?: number
}

export interface PauseLimit {
  /** after which the server, or the process itself, has given up what was under way */
  ms: number
  /** A process whose limits are so short. */
  start(t: TestContext, path: string): Publisher
}

type Within = 'write' | 'commit'

/** What becomes of a process that is stopped at any moment, with and without another one that takes over. */
export function pauseSuite(subject: PausedSubject): void {
  const { type, place, start, assertIs, locks = false, pauses = pausesOr(3) } = subject
  test(
    `${type}: processes that are stopped at any moment go on, and are fenced once another took over`,
    { timeout: 30_000 * (1 + pauses) },
    async t => {
      const path = await place(t)
      for (let pause = 0; pause < pauses; pause++) {
        const within = pause % 2 === 0 ? 'commit' : 'write'
        const stopped = start(t, path, {})
        await stop(stopped, within)
        await delay(Math.random() * 50)
        stopped.child.kill('SIGCONT')
        const told = await stop(stopped, within)
        const newer = takeOver(t, subject, path)
        await (locks ? Promise.race([newer, delay(lockedMs)]) : newer)
        stopped.child.kill('SIGCONT')
        const { found, publish } = await newer
        assert.ok(found >= told, `epoch ${told} was published, and then ${found} is`)
        await Promise.all([publish(2), assert.rejects(failureOf(stopped), /the process failed: fenced: .*newer run/)])
        await stopped.ended()
        // behind all that the stopped one may have left
        await assertIs(path, await publish(1))
      }
    },
  )
}

/** What becomes of a process that is stopped for longer than anybody waits for it. */
export function longPauseSuite(subject: PausedSubject, { ms, start }: PauseLimit): void {
  const { type, place, assertIs, pauses = pausesOr(3) } = subject

  async function pauseOne(t: TestContext, pause: number, stopped: () => Promise<void>): Promise<void> {
    const path = await place(t)
    const remote = start(t, path)
    const told = await stop(remote, pause % 2 === 0 ? 'commit' : 'write')
    await stopped()
    const isReplaced = pause % 4 < 2
    const before = isReplaced ? await takeOver(t, subject, path) : undefined
    remote.child.kill('SIGCONT')
    const hasFailed = isReplaced || (await failsAlone(remote))
    const { found, publish } = before ?? (await takeOver(t, subject, path))
    assert.ok(found >= told, `epoch ${told} was published, and then ${found} is`)
    if (isReplaced || !hasFailed)
      await assert.rejects(failureOf(remote), /the process failed: (fenced: .*newer run|timeout|unavailable)/)
    await remote.ended()
    await publish(2)
    await assertIs(path, await publish(1))
  }

  test(
    `${type}: processes that are stopped for longer than ${ms} ms lose and repeat nothing`,
    { timeout: 60_000 + Math.ceil(pauses / together) * (ms + 60_000) },
    async t => {
      for (let first = 0; first < pauses; first += together) {
        const group = Array.from({ length: Math.min(together, pauses - first) }, (_, at) => first + at)
        let left = group.length
        const { promise: over, resolve } = Promise.withResolvers<void>()
        const stopped = () => {
          if (--left === 0) setTimeout(resolve, ms)
          return over
        }
        await Promise.all(group.map(pause => pauseOne(t, pause, stopped)))
      }
    },
  )
}

/** Stops the process somewhere in its next write or commit, as long as the last one took; gives what it has published. */
async function stop(remote: Publisher, within: Within): Promise<number> {
  const [from, to] = within === 'write' ? (['committed', 'staged'] as const) : (['staged', 'committed'] as const)
  await remote.next(from)
  const begun = performance.now()
  await remote.next(to)
  const took = performance.now() - begun
  const epoch = await remote.next(from)
  await delay(Math.random() * took)
  remote.child.kill('SIGSTOP')
  return within === 'write' ? epoch : epoch - 1
}

interface Newer {
  /** the epoch that was published before */
  found: number
  /** Publishes so many more epochs; gives the last. */
  publish(epochs: number): Promise<number>
}

/** Another run, which has published an epoch of its own when this resolves. */
async function takeOver(t: TestContext, { open, batch }: PausedSubject, path: string): Promise<Newer> {
  const sink = await open(t, path)
  const found = (await sink.begin())?.epoch ?? 0
  let last = found
  const publish = async (epochs: number): Promise<number> => {
    for (const end = last + epochs; last < end; ) {
      last++
      await sink.write(batch(last), last)
      await sink.commit(checkpoint(last))
    }
    return last
  }
  await publish(1)
  return { found, publish }
}

/** Rejects with what ends the process. */
async function failureOf(remote: Publisher): Promise<never> {
  for (;;) await remote.next('committed')
}

/** Whether a process whose limits are over ends, with an error that begins anew; else it goes on. */
async function failsAlone(remote: Publisher): Promise<boolean> {
  try {
    for (let epochs = 2; epochs > 0; epochs--) await remote.next('committed')
    return false
  } catch (error) {
    assert.match(String(error), /the process failed: (timeout|unavailable): /)
    return true
  }
}
