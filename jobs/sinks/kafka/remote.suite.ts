import type { TestContext } from 'node:test'
import type { RecordBatch } from 'apache-arrow'
import { type Publisher, type PublisherTask, startPublisher } from '../../runtime/harness/publisher.suite.ts'
import { batchOf, type Place } from './harness.suite.ts'

export interface RemoteTask extends PublisherTask {
  place: Place
  keys?: Record<string, unknown>
  settings?: Record<string, unknown>
}

export const rowsPerEpoch = 300

/** Ids of an epoch follow those of the last: what is lost or doubled is seen. */
export const epochIds = (epoch: number): number[] =>
  Array.from({ length: rowsPerEpoch }, (_, at) => (epoch - 1) * rowsPerEpoch + at)

export function epochBatches(epoch: number): RecordBatch[] {
  const rows = epochIds(epoch).map(id => ({ id, who: `row ${id} of epoch ${epoch}` }))
  return [rows.slice(0, 100), rows.slice(100)].map(part => batchOf(part))
}

export const startRemote = (t: TestContext, task: RemoteTask): Publisher =>
  startPublisher(t, new URL('child.suite.ts', import.meta.url), task)
