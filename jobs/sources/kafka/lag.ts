import type { NodeContext } from '../../runtime/contract.ts'
import type { Place } from './position.ts'

/** How many messages are in the log behind those of the last checkpoint, per partition. */
export interface Lag {
  /** a broker told how far the log of the partition goes */
  seen(partition: number, end: number): void
  /** others read it now */
  left(partition: number): void
  finalized(places: ReadonlyMap<number, Place>): void
  close(): void
}

export function createLag({ metrics, settings }: Pick<NodeContext, 'metrics' | 'settings'>): Lag {
  const ends = new Map<number, number>()
  const done = new Map<number, number>()

  function report(): void {
    for (const [partition, end] of ends) {
      const offset = done.get(partition)
      if (offset === undefined) continue
      metrics.gauge('kafka_consumer_messages_lag', Math.max(0, end - offset), { partition: String(partition) })
    }
  }
  const timer = setInterval(report, settings.kafka_source.lag_report_interval_ms)
  timer.unref()

  return {
    seen: (partition, end) => void ends.set(partition, end),
    left(partition) {
      ends.delete(partition)
      done.delete(partition)
    },
    finalized(places) {
      for (const [partition, { offset }] of places) done.set(partition, offset)
    },
    close() {
      clearInterval(timer)
      report()
    },
  }
}
