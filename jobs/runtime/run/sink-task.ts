import type { Checkpoint, Sink } from '../contract.ts'
import { type Inbox, isMarker } from './inbox.ts'
import type { Meter } from './meter.ts'

export interface SinkTaskOptions {
  sink: Sink
  inbox: Inbox
  meter: Meter
  /** whether the sink lacks the epoch; else its rows are dropped */
  takes(epoch: number): boolean
  /** the checkpoint of an epoch whose marker has come */
  checkpointOf(epoch: number): Checkpoint
  acked(epoch: number): void
  /** the epoch of the rows that come from now on */
  enter(epoch: number): void
  moved(): void
  /** the epoch of the rows that come now */
  epochOf(): number
}

/** Runs one sink until the last marker has come. */
export async function runSink(options: SinkTaskOptions): Promise<void> {
  const { sink, inbox, meter, takes, checkpointOf, acked, enter, epochOf, moved } = options

  async function timed(call: Promise<void>): Promise<void> {
    const from = performance.now()
    try {
      await call
    } finally {
      meter.seconds += (performance.now() - from) / 1000
    }
    moved()
  }

  for (;;) {
    const item = await inbox.take()
    if (isMarker(item)) {
      if (takes(item.epoch)) await timed(sink.commit(checkpointOf(item.epoch)))
      enter(item.epoch + 1)
      acked(item.epoch)
      if (item.last) return
      continue
    }
    for (const batch of item.batches) {
      meter.rowsIn += batch.numRows
      if (takes(epochOf())) await timed(sink.write(batch, epochOf()))
    }
  }
}
