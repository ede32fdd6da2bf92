import type { RecordBatch } from 'apache-arrow'
import type { Transform } from '../contract.ts'
import { type Inbox, isMarker } from './inbox.ts'
import type { Meter } from './meter.ts'
import type { Outlet } from './outlet.ts'

export interface TransformTaskOptions {
  transform: Transform
  /** names of the nodes that it reads, by lane */
  inputs: readonly string[]
  inbox: Inbox
  outlet: Outlet
  meter: Meter
  /** the epoch of the rows that come from now on */
  enter(epoch: number): void
  /** a result that came while the task waited for rows was an error */
  fail(error: unknown): void
}

/** Runs one transform until the last marker went through it. */
export async function runTransform(options: TransformTaskOptions): Promise<void> {
  const { transform, inputs, inbox, outlet, meter, enter, fail } = options
  const { concurrency = 1, batching } = transform
  let running = 0
  let freed: (() => void) | undefined
  /** hands on the results in the order of the calls */
  let tail = Promise.resolve()

  async function process(batches: readonly RecordBatch[], lane: number): Promise<readonly RecordBatch[]> {
    const from = performance.now()
    meter.rowsIn += batches.reduce((sum, batch) => sum + batch.numRows, 0)
    try {
      return await transform.process(batches, inputs[lane]!)
    } finally {
      meter.seconds += (performance.now() - from) / 1000
    }
  }

  function start(batches: readonly RecordBatch[], lane: number): void {
    running++
    const result = process(batches, lane)
    tail = Promise.all([result, tail]).then(async ([batches]) => {
      for (const batch of batches) await outlet.rows(batch)
      running--
      freed?.()
    })
    tail.catch(fail)
  }

  for (;;) {
    const item = await inbox.take(batching)
    if (!isMarker(item)) {
      start(item.batches, item.lane)
      if (concurrency === 1) await tail
      while (running >= concurrency) {
        const room = new Promise<void>(resolve => {
          freed = resolve
        })
        await Promise.race([room, tail])
      }
      continue
    }
    await tail
    await transform.checkpoint?.(item.epoch)
    enter(item.epoch + 1)
    await outlet.marker(item)
    if (item.last) return
  }
}
