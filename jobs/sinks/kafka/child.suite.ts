import { OP } from '../../runtime/batch/types.ts'
import { publishEpochs } from '../../runtime/harness/publish.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { configFor, contextFor, types } from './harness.suite.ts'
import { kafka } from './kafka.ts'
import { epochBatches, type RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`. */

const { place, keys, settings = {}, ...task } = JSON.parse(process.argv[2]!) as RemoteTask

await publishEpochs(task, {
  open: () => kafka.open(configFor(place, keys), streamOf({ ...types, [OP]: 'utf8' }), contextFor(place, { settings })),
  batches: epochBatches,
})
