import { watched } from '../../runtime/harness/context.suite.ts'
import { publishEpochs } from '../../runtime/harness/publish.suite.ts'
import { batchOf, streamOf } from '../../runtime/harness/sink.suite.ts'
import { epochRows, epochTypes } from './harness.suite.ts'
import { openParquet } from './open.ts'
import { parquet } from './parquet.ts'
import type { RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`. */

const task = JSON.parse(process.argv[2]!) as RemoteTask
let steps = 0
const countSteps = () => {
  steps++
  if (steps === task.killAt) process.kill(process.pid, 'SIGKILL')
}

await publishEpochs(task, {
  open() {
    const config = parquet.config.parse({ from: 'rows', ...task.config })
    return openParquet(config, streamOf(epochTypes), watched({ name: 'lake' }), countSteps)
  },
  batches(epoch) {
    const rows = epochRows(epoch)
    return [rows.slice(0, 15), rows.slice(15)].map(part => batchOf(epochTypes, part))
  },
})
