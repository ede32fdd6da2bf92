import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Sink } from '../contract.ts'
import { checkpoint } from './sink.suite.ts'

/** The run ends before its commit, after it but before anyone heard, or not at all. */
export const crashes = fc.constantFrom('before', 'after', 'none', 'none')
export type Crash = typeof crashes extends fc.Arbitrary<infer T> ? T : never

/** Runs of one sink, each of which takes over from the one before. */
export interface Runs {
  /** of the run that goes on */
  readonly sink: Sink
  /** Begins another one; `epoch`: the last that was published. */
  begin(epoch: number): Promise<void>
  /** An epoch, of which a run that takes over gets the rows again. */
  publish(epoch: number, crash: Crash, write: (sink: Sink) => Promise<void>): Promise<void>
  close(): Promise<void>
}

export function createRuns(open: () => Promise<Sink>): Runs {
  const opened: Sink[] = []
  const current = () => opened.at(-1)!

  async function begin(epoch: number): Promise<void> {
    // nobody closes a run that crashed: what it had staged goes all the same
    opened.push(await open())
    assert.equal((await current().begin())?.epoch ?? 0, epoch)
  }

  return {
    get sink() {
      return current()
    },
    begin,
    async publish(epoch, crash, write) {
      await write(current())
      if (crash === 'before') {
        await begin(epoch - 1)
        await write(current())
      }
      await current().commit(checkpoint(epoch))
      if (crash === 'after') {
        await begin(epoch)
        await write(current())
        await current().commit(checkpoint(epoch))
      }
    },
    async close() {
      for (const sink of opened) await sink.close()
    },
  }
}
