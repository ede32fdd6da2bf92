import type { Ack, Connection } from './subject.ts'
import type { Workload } from './workload.ts'

/**
 * Resumes each stream at its count and sends it up to `target` events, all streams at once, one append of a stream at
 * a time. Resolves with the highest count that was acknowledged to it for each stream.
 */
export function produce(connection: Connection, workload: Workload, target: number): Promise<Ack[]> {
  const send = async ([stream, payloads]: [string, readonly string[]]): Promise<Ack> => {
    let count = await connection.count(stream)
    // sizes differ from append to append, and need no seed: the threads' timing is not repeatable either
    for (let size = 1; count < target; size = (size % workload.batch) + 1) {
      const next = await connection.append(stream, count, payloads.slice(count, Math.min(target, count + size)))
      if (next <= count) throw new Error(`producer: '${stream}' stays at ${next} events after an append at ${count}`)
      count = next
    }
    return { stream, count }
  }
  return Promise.all(Array.from(workload.events, send))
}
