import { publishEpochs } from '../../runtime/harness/publish.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgres } from '../../sinks/postgres/postgres.ts'
import { postgresAggregate } from '../../sinks/postgres_aggregate/postgres_aggregate.ts'
import { epochRows, epochTypes } from '../sqlite-sink/epochs.suite.ts'
import { batchOf } from '../sqlite-sink/harness.suite.ts'
import { watchedAt } from './harness.suite.ts'
import type { RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`. */

const task = JSON.parse(process.argv[2]!) as RemoteTask

await publishEpochs(task, {
  open() {
    const config = { from: 'rows', ...task.config }
    const input = streamOf(epochTypes)
    const { pipeline, more = {} } = task
    const context = watchedAt(task.url, { more, ...(pipeline !== undefined && { pipeline }) })
    return task.sink === 'postgres'
      ? postgres.open(postgres.config.parse(config), input, context)
      : postgresAggregate.open(postgresAggregate.config.parse(config), input, context)
  },
  batches(epoch) {
    const rows = epochRows(epoch)
    return [rows.slice(0, 100), rows.slice(100)].map(part => batchOf(epochTypes, part))
  },
})
