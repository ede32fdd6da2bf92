import { once } from 'node:events'
import type { RecordBatch } from 'apache-arrow'
import type { Sink } from '../contract.ts'
import { toPipelineError } from '../errors.ts'
import type { PublisherMessage, PublisherTask } from './publisher.suite.ts'
import { checkpoint } from './sink.suite.ts'

export interface Publishing {
  open(): Promise<Sink>
  /** of an epoch, which anyone can make again from its number */
  batches(epoch: number): readonly RecordBatch[]
}

/** The work of `startPublisher`'s process: goes on from the published epoch, one after another, and then ends it. */
export async function publishEpochs(task: PublisherTask, { open, batches }: Publishing): Promise<void> {
  const send = (message: PublisherMessage) => process.connected && process.send!(message)
  process.on('disconnect', () => process.exit(1))
  try {
    const sink = await open()
    const last = await sink.begin()
    for (let epoch = (last?.epoch ?? 0) + 1; epoch <= (task.until ?? Number.POSITIVE_INFINITY); epoch++) {
      for (const batch of batches(epoch)) await sink.write(batch, epoch)
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
}
