import { once } from 'node:events'
import { createFiles } from '../../drivers/lake/files.ts'
import { batchOf, checkpoint, streamOf, watched } from '../../drivers/lake/harness.suite.ts'
import { toPipelineError } from '../../runtime/errors.ts'
import { epochRows, epochTypes } from './harness.suite.ts'
import { openParquet } from './open.ts'
import { parquet } from './parquet.ts'
import type { RemoteMessage, RemoteTask } from './remote.suite.ts'

/** The program of `startRemote`: goes on from the published epoch, one after another. */

const task = JSON.parse(process.argv[2]!) as RemoteTask
const send = (message: RemoteMessage) => process.connected && process.send!(message)
process.on('disconnect', () => process.exit(1))
let steps = 0
const files = createFiles(() => {
  steps++
  if (steps === task.killAt) process.kill(process.pid, 'SIGKILL')
})

try {
  const config = parquet.config.parse({ from: 'rows', ...task.config })
  const sink = await openParquet(config, streamOf(epochTypes), watched(), files)
  const last = await sink.begin()
  for (let epoch = (last?.epoch ?? 0) + 1; epoch <= (task.until ?? Number.POSITIVE_INFINITY); epoch++) {
    const rows = epochRows(epoch)
    await sink.write(batchOf(epochTypes, rows.slice(0, 15)), epoch)
    await sink.write(batchOf(epochTypes, rows.slice(15)), epoch)
    send({ at: 'staged' })
    if (task.stepwise) await once(process, 'message')
    await sink.commit(checkpoint(epoch))
    send({ at: 'committed' })
    await sink.finalized?.(epoch)
  }
  await sink.close()
} catch (error) {
  const { code, message } = toPipelineError(error)
  send({ at: 'failed', code, message })
}
process.disconnect()
