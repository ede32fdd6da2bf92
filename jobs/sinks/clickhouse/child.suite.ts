import { contextFor } from '../../drivers/clickhouse/harness.suite.ts'
import { publishEpochs } from '../../runtime/harness/publish.suite.ts'
import { streamOf } from '../../runtime/harness/sink.suite.ts'
import { clickhouse } from './clickhouse.ts'
import { epochBatches, epochTypes } from './epochs.suite.ts'
import type { RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`. */

const { server, config, name, ...task } = JSON.parse(process.argv[2]!) as RemoteTask

await publishEpochs(task, {
  open: () =>
    clickhouse.open(
      clickhouse.config.parse({ from: 'rows', ...config }),
      streamOf(epochTypes),
      contextFor(server, { name }),
    ),
  batches: epochBatches,
})
