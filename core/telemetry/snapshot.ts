import { untouched } from './instruments.ts'
import type { MetricSpec } from './metric.ts'
import type { Combination, Place, Storage } from './storage.ts'

/** The values of one set at one moment. */
export interface SetSnapshot {
  readonly scope: string
  /** those that have points */
  readonly metrics: readonly MetricSnapshot[]
}

export interface MetricSnapshot {
  readonly spec: MetricSpec
  /** the label combinations that were touched; a metric without labels always has its one point */
  readonly points: readonly Point[]
}

export interface Point {
  readonly labels: Combination
  /** of a histogram the sum */
  readonly value: number
  /** of a histogram the count in each bucket, not cumulative, one more than there are bounds; else empty */
  readonly buckets: readonly number[]
}

export function snapshotSet({ scope, values, metrics }: Storage): SetSnapshot {
  const snapshots = metrics.map(place => ({ spec: place.spec, points: pointsOf(place, values) }))
  return { scope, metrics: snapshots.filter(({ points }) => points.length > 0) }
}

function pointsOf({ first, width, combinations }: Place, values: Float64Array): Point[] {
  return combinations.flatMap((labels, k) => {
    const slot = first + k * width
    if (labels.length > 0 && Object.is(values[slot], untouched)) return []
    // + 0 makes a plain 0 of the -0 in an untouched slot
    const buckets = Array.from(values.subarray(slot + 1, slot + width), count => count + 0)
    return [{ labels, value: values[slot]! + 0, buckets }]
  })
}
