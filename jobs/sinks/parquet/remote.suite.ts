import type { TestContext } from 'node:test'
import { type Publisher, type PublisherTask, startPublisher } from '../../runtime/harness/publisher.suite.ts'

/** What the program of `child.suite.ts` is told. */
export interface RemoteTask extends PublisherTask {
  config: object
  /** the process kills itself at this step of the file system, from 1 */
  killAt?: number
}

export const startRemote = (t: TestContext, task: RemoteTask): Publisher =>
  startPublisher(t, new URL('child.suite.ts', import.meta.url), task)
