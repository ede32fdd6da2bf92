import { once } from 'node:events'
import type { Sink } from '../../runtime/contract.ts'
import { toPipelineError } from '../../runtime/errors.ts'
import { sqlite } from '../../sinks/sqlite/sqlite.ts'
import { sqliteAggregate } from '../../sinks/sqlite_aggregate/sqlite_aggregate.ts'
import { epochRows, epochTypes } from './epochs.suite.ts'
import { batchOf, checkpoint, streamOf, watched } from './harness.suite.ts'
import type { RemoteMessage, RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`: goes on from the published epoch, one after another. */

const task = JSON.parse(process.argv[2]!) as RemoteTask
const send = (message: RemoteMessage) => process.send!(message)
process.on('disconnect', () => process.exit(1))

function open(): Promise<Sink> {
  const config = { from: 'rows', ...task.config }
  const input = streamOf(epochTypes)
  const context = watched('out', task.pipeline)
  return task.sink === 'sqlite'
    ? sqlite.open(sqlite.config.parse(config), input, context)
    : sqliteAggregate.open(sqliteAggregate.config.parse(config), input, context)
}

try {
  const sink = await open()
  const last = await sink.begin()
  for (let epoch = (last?.epoch ?? 0) + 1; epoch <= (task.until ?? Number.POSITIVE_INFINITY); epoch++) {
    const rows = epochRows(epoch)
    await sink.write(batchOf(epochTypes, rows.slice(0, 100)), epoch)
    await sink.write(batchOf(epochTypes, rows.slice(100)), epoch)
    send({ at: 'staged', epoch })
    if (task.stepwise) await once(process, 'message')
    await sink.commit(checkpoint(epoch))
    send({ at: 'committed', epoch })
    await sink.finalized?.(epoch)
  }
  await sink.close()
} catch (error) {
  const { code, message } = toPipelineError(error)
  send({ at: 'failed', code, message })
}
process.disconnect()
