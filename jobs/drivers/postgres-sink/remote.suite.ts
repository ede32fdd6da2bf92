import type { TestContext } from 'node:test'
import { type Publisher, type PublisherTask, startPublisher } from '../../runtime/harness/publisher.suite.ts'

/** What the program of `child.suite.ts` is told: a sink, and the rows that it makes of each epoch's number. */
export interface RemoteTask extends PublisherTask {
  sink: 'postgres' | 'postgres_aggregate'
  url: string
  config: object
  /** settings of the sink, beside those of the server */
  more?: object
  /** default: that of `watched` */
  pipeline?: string
}

export const startRemote = (t: TestContext, task: RemoteTask): Publisher =>
  startPublisher(t, new URL('child.suite.ts', import.meta.url), task)
