import type { TestContext } from 'node:test'
import type { Server } from '../../drivers/clickhouse/keys.ts'
import { type Publisher, type PublisherTask, startPublisher } from '../../runtime/harness/publisher.suite.ts'

/** What the program of `child.suite.ts` is told. */
export interface RemoteTask extends PublisherTask {
  server: Server
  config: object
  /** of the sink */
  name: string
}

export const startRemote = (t: TestContext, task: RemoteTask): Publisher =>
  startPublisher(t, new URL('child.suite.ts', import.meta.url), task)
