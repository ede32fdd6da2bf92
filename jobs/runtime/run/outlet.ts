import type { RecordBatch } from 'apache-arrow'
import { byteLength } from '../batch/select.ts'
import type { SideOutput } from '../contract.ts'
import type { Inbox, Marker } from './inbox.ts'
import type { Meter } from './meter.ts'

/** Where a node's rows go: its side outputs see a batch first, then all who read the node get it. */
export interface Outlet {
  /** Resolves once there was room at all of them. */
  rows(batch: RecordBatch): Promise<void>
  marker(marker: Marker): Promise<void>
}

export interface Target {
  inbox: Inbox
  lane: number
}

export function createOutlet(
  targets: readonly Target[],
  sides: readonly SideOutput[],
  meter: Meter,
  moved: () => void,
): Outlet {
  return {
    async rows(batch) {
      if (batch.numRows === 0) return
      for (const side of sides) await side.observe(batch)
      const from = performance.now()
      await Promise.all(targets.map(({ inbox, lane }) => inbox.push(lane, batch)))
      meter.blockedSeconds += (performance.now() - from) / 1000
      meter.rowsOut += batch.numRows
      meter.batchesOut++
      meter.bytesOut += byteLength(batch)
      moved()
    },
    async marker(marker) {
      await Promise.all(targets.map(({ inbox, lane }) => inbox.push(lane, marker)))
      moved()
    },
  }
}
