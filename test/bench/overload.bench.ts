import { setTimeout as sleep } from 'node:timers/promises'
import { common, compare, defineBenchmark, median, note } from './harness/benchmark.ts'
import { startGateway } from './harness/gateway.ts'
import { measureGateway } from './harness/measure.ts'
import { startWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { checkStored } from './harness/stored.ts'
import type { Workdir } from './harness/workdir.ts'
import type { PostClosedResult } from './load/post-closed.ts'
import type { PostOpenResult } from './load/post-open.ts'

/** times the saturating load */
const factor = 4
const sampleMilliseconds = 250

export const benchmark = defineBenchmark({
  about: 'open loop at 4× the saturating load ÷ at 1×, and whether memory still grows',
  options: { ...common, connections: 512, lines: 10, keyed: 0, 'rss-seconds': 60 },
  async run({ seconds, warmup, rounds, connections, lines, keyed, 'rss-seconds': rssSeconds }, workdir) {
    const shape = { connections, lines, keyed: keyed === 1, warmup }
    const rate = await saturation(workdir, rounds, { ...shape, seconds })
    // one due request per connection may wait, so that a ragged 1× still saturates; the rest is counted as unsent
    const open = (times: number) => ({ ...shape, rate: rate * times, maxWaiting: connections })
    const { ours, reference } = await alternate(rounds, {
      ours: () => loadAndWatch(workdir, { ...open(factor), seconds }),
      reference: () => loadAndWatch(workdir, { ...open(1), seconds }),
    })
    const long = await loadAndWatch(workdir, { ...open(factor), seconds: rssSeconds })
    const third = Math.floor(long.rss.length / 3)
    return [
      compare({
        bench: 'overload throughput',
        unit: 'events/s',
        bar: 0.9,
        aim: 1.0,
        ours: ours.map(one => one.eventsPerSecond),
        reference: reference.map(one => one.eventsPerSecond),
        detail: {
          connections,
          lines,
          keyed,
          commit_size: { ours: ours.map(one => one.commitSize), reference: reference.map(one => one.commitSize) },
          saturation_requests_per_second: rate,
          refused: ours.map(one => one.refused),
          unsent: { ours: ours.map(one => one.unsent), reference: reference.map(one => one.unsent) },
          unknown: ours.map(one => one.unknown),
          p99_ms: { ours: ours.map(one => one.latency.p99), reference: reference.map(one => one.latency.p99) },
          generator_cpu: { ours: ours.map(one => one.cpu), reference: reference.map(one => one.cpu) },
        },
      }),
      compare({
        bench: 'overload memory',
        unit: 'MB',
        bar: 1.1,
        lowerIsBetter: true,
        ours: [median(long.rss.slice(2 * third))],
        reference: [median(long.rss.slice(third, 2 * third))],
        detail: { seconds: rssSeconds, first_third: median(long.rss.slice(0, third)), peak: Math.max(...long.rss) },
      }),
    ]
  },
})

/** Requests/s of the best of several closed loops: an estimate that is too low would make 1× no load at all. */
async function saturation(workdir: Workdir, rounds: number, load: object): Promise<number> {
  let best = 0
  for (let round = 0; round < rounds; round++) {
    const { requestsPerSecond } = await measureGateway<PostClosedResult>(workdir, 'load/post-closed.ts', load)
    note(`saturation, round ${round + 1}: ${requestsPerSecond.toFixed(0)} requests/s`)
    best = Math.max(best, requestsPerSecond)
  }
  return best
}

/** As measureGateway, but a gateway under overload may refuse; its memory in MB is sampled in the window. */
async function loadAndWatch(workdir: Workdir, config: { warmup: number; seconds: number }) {
  const gateway = await startGateway({ dir: workdir.fresh() })
  const worker = startWorker('load/post-open.ts', { ...config, port: gateway.port })
  const answer = worker.message<PostOpenResult>()
  const done = new AbortController()
  const rss: number[] = []
  const watch = (async () => {
    await sleep(config.warmup * 1000, undefined, { signal: done.signal })
    while (!done.signal.aborted && rss.length * sampleMilliseconds < config.seconds * 1000) {
      rss.push(gateway.rss() / 1e6)
      await sleep(sampleMilliseconds, undefined, { signal: done.signal })
    }
  })().catch(() => {})
  const result = await answer
  done.abort()
  await watch
  await worker.stop()
  const commitSize = await gateway.commitSize()
  await gateway.stop()
  if (result.unknown === 0) checkStored(gateway.store, result.acked)
  return { ...result, commitSize, rss }
}
