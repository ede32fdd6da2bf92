import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { measureServer } from './harness/measure.ts'
import { eventBytes } from './load/events.ts'
import type { PostClosedResult } from './load/post-closed.ts'
import type { PostOpenResult } from './load/post-open.ts'
import type { WsSendResult } from './load/ws-send.ts'

const sink = 'reference/sink.ts'

export const benchmark = defineBenchmark({
  about: 'the generators’ own ceilings, against servers that look at nothing: what no other figure can exceed',
  options: { ...common, warmup: 5, unacked: 8192, rate: 10_000 },
  async run({ seconds, warmup, rounds, unacked, rate }) {
    const time = { warmup, seconds }
    const post = (connections: number, lines: number) =>
      repeat(rounds, () =>
        measureServer<PostClosedResult>(sink, { kind: 'post' }, 'load/post-closed.ts', { ...time, connections, lines }),
      )
    const ws = (protocol: string, batch: number) =>
      repeat(rounds, () =>
        measureServer<WsSendResult>(sink, { kind: 'ws', events: protocol === 'plain' ? 1 : batch }, 'load/ws-send.ts', {
          ...time,
          protocol,
          sockets: 8,
          batch,
          unacked,
        }),
      )
    const large = await post(8, 1000)
    const small = await post(64, 1)
    const single = await ws('plain', 1)
    const many = await ws('plain', 128)
    const batches = await ws('millrace.v1', 500)
    const open = await repeat(rounds, () =>
      measureServer<PostOpenResult>(sink, { kind: 'post' }, 'load/post-open.ts', {
        ...time,
        connections: 64,
        lines: 1,
        rate,
        maxWaiting: rate,
      }),
    )
    return [
      line('generator post 1,000 lines', 'events/s', large, one => one.eventsPerSecond),
      line('generator post 1 line', 'requests/s', small, one => one.requestsPerSecond),
      line('generator ws plain, 1 message per write', 'events/s', single, one => one.eventsPerSecond),
      line('generator ws plain, 128 messages per write', 'events/s', many, one => one.eventsPerSecond),
      line('generator ws millrace.v1', 'events/s', batches, one => one.eventsPerSecond),
      line(`generator p99 at ${rate}/s`, 'ms', open, one => one.latency.p99),
    ]
  },
})

function line<Run extends { cpu: number }>(bench: string, unit: string, runs: Run[], value: (run: Run) => number) {
  const detail = { event_bytes: eventBytes, generator_cpu: runs.map(run => run.cpu) }
  return compare({ bench, unit, ours: runs.map(value), detail })
}

async function repeat<T>(rounds: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = []
  while (results.length < rounds) results.push(await run())
  return results
}
