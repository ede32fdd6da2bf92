/** Figures of one node, plain numbers on the hot path; see `metrics.ts` for how they leave the pipeline. */
export interface Meter {
  rowsIn: number
  rowsOut: number
  batchesOut: number
  bytesOut: number
  /** in calls of the node */
  seconds: number
  /** waiting for room at those who read it */
  blockedSeconds: number
  dropped: number
  dead: number
  retries: number
  /** inside a classified retry right now */
  degraded: boolean
  /** batches that wait in front of it */
  queued: number
}

export const createMeter = (): Meter => ({
  rowsIn: 0,
  rowsOut: 0,
  batchesOut: 0,
  bytesOut: 0,
  seconds: 0,
  blockedSeconds: 0,
  dropped: 0,
  dead: 0,
  retries: 0,
  degraded: false,
  queued: 0,
})
