import { watched } from '../../runtime/harness/context.suite.ts'
import { publishEpochs } from '../../runtime/harness/publish.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqlite } from '../../sinks/sqlite/sqlite.ts'
import { sqliteAggregate } from '../../sinks/sqlite_aggregate/sqlite_aggregate.ts'
import { epochRows, epochTypes } from './epochs.suite.ts'
import { batchOf } from './harness.suite.ts'
import type { RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`. */

const task = JSON.parse(process.argv[2]!) as RemoteTask

await publishEpochs(task, {
  open() {
    const config = { from: 'rows', ...task.config }
    const input = streamOf(epochTypes)
    const context = watched(task.pipeline === undefined ? {} : { pipeline: task.pipeline })
    return task.sink === 'sqlite'
      ? sqlite.open(sqlite.config.parse(config), input, context)
      : sqliteAggregate.open(sqliteAggregate.config.parse(config), input, context)
  },
  batches(epoch) {
    const rows = epochRows(epoch)
    return [rows.slice(0, 100), rows.slice(100)].map(part => batchOf(epochTypes, part))
  },
})
