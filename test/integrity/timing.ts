/** whole milliseconds */
export interface MedianAndWorst {
  median: number
  worst: number
}

export function medianAndWorst(times: readonly number[]): MedianAndWorst {
  const sorted = times.map(Math.round).sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1] ?? 0, worst: sorted.at(-1) ?? 0 }
}

/** Rejects where `work`, of those who are named, does not come to its end in time. */
export async function within<T>(ms: number, who: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${who} did not come to their end within ${ms} ms`)), ms)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}
