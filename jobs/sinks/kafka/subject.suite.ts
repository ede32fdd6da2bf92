import assert from 'node:assert/strict'
import { consume } from '../../drivers/kafka/harness.suite.ts'
import type { PausedSubject } from '../../runtime/harness/pauses.suite.ts'
import { batchOf, openSink, type Place, placeFor } from './harness.suite.ts'
import { epochIds, type RemoteTask, startRemote } from './remote.suite.ts'

/** Fails unless the peer sees each id of the epochs once, in order. */
export async function assertIs({ brokers, topic }: Place, epoch: number): Promise<void> {
  const wanted = Array.from({ length: epoch }, (_, at) => epochIds(at + 1)).flat()
  const read = await consume(brokers, topic, wanted.length)
  assert.deepEqual(
    read.map(({ key }) => Number(key)),
    wanted,
  )
}

/** Rows of an epoch as one batch. */
export const epochBatch = (epoch: number) =>
  batchOf(epochIds(epoch).map(id => ({ id, who: `row ${id} of epoch ${epoch}` })))

/** For the suites of all sinks, whose paths are topics here; `given`: of its processes. */
export function subjectAt(brokers: string, given: Partial<RemoteTask> = {}): PausedSubject {
  const places = new Map<string, Place>()
  const at = (path: string): Place => places.get(path)!
  return {
    type: 'kafka',
    place(t) {
      const place = placeFor(t, brokers)
      places.set(place.topic, place)
      return place.topic
    },
    open: async (t, path) => (await openSink(t, at(path))).sink,
    start: (t, path, task) => startRemote(t, { place: at(path), ...given, ...task }),
    batch: epochBatch,
    assertIs: (path, epoch) => assertIs(at(path), epoch),
  }
}
