import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { measureGateway, measureServer } from './harness/measure.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { Workdir } from './harness/workdir.ts'
import type { PostClosedResult } from './load/post-closed.ts'
import type { PostOpenResult } from './load/post-open.ts'
import type { SqliteCommitResult } from './reference/sqlite-commit.ts'

/** seconds of due requests that may wait in the generator; a gateway that falls further behind fails the run */
const maxBehind = 2

export const benchmark = defineBenchmark({
  about: 'p99 of a one-event POST at half of saturation ÷ one SQLite FULL commit',
  // a generator that is still being compiled adds a millisecond to the 99th percentile for about 4 s
  options: { ...common, warmup: 5, connections: 64, keyed: 0, commits: 2000 },
  async run({ seconds, warmup, rounds, connections, keyed, commits }, workdir) {
    const load = { connections, lines: 1, warmup, seconds, keyed: keyed === 1 }
    const { ours, reference } = await alternate(rounds, {
      async ours() {
        const full = await measureGateway<PostClosedResult>(workdir, 'load/post-closed.ts', load)
        const rate = full.requestsPerSecond / 2
        const open = { ...load, rate, maxWaiting: Math.ceil(rate * maxBehind) }
        const half = await measureGateway<PostOpenResult>(workdir, 'load/post-open.ts', open)
        if (half.unsent > 0) throw new Error(`${half.unsent} requests waited for more than ${maxBehind} s`)
        const bare = await measureServer<PostOpenResult>('reference/http-server.ts', {}, 'load/post-open.ts', open)
        return { ...half, rate, bare: bare.latency }
      },
      reference: () => commit(workdir, commits),
    })
    // the disk may have changed pace meanwhile
    reference.push(await commit(workdir, commits))
    return [
      compare({
        bench: 'ingest-latency',
        unit: 'ms',
        bar: 20,
        aim: 5,
        lowerIsBetter: true,
        ours: ours.map(one => one.latency.p99),
        reference: reference.map(one => one.milliseconds),
        detail: {
          connections,
          keyed,
          rate: ours.map(one => one.rate),
          achieved: ours.map(one => one.eventsPerSecond),
          p50: ours.map(one => one.latency.p50),
          p90: ours.map(one => one.latency.p90),
          max: ours.map(one => one.latency.max),
          // of a server that reads and answers at the same rate, and stores nothing: what the machine leaves
          bare_server_p99: ours.map(one => one.bare.p99),
          commit_size: { ours: ours.map(one => one.commitSize), reference: 1 },
          verified_events: ours.map(one => one.acked),
          generator_cpu: ours.map(one => one.cpu),
        },
      }),
    ]
  },
})

function commit(workdir: Workdir, commits: number): Promise<SqliteCommitResult> {
  return runWorker<SqliteCommitResult>('reference/sqlite-commit.ts', { dir: workdir.fresh(), commits })
}
