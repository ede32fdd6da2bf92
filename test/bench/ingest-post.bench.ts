import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { measureGateway } from './harness/measure.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { PostClosedResult } from './load/post-closed.ts'
import type { SqliteInsertResult } from './reference/sqlite-insert.ts'

export const benchmark = defineBenchmark({
  about: 'durable events/s over HTTP, large NDJSON bodies ÷ in-process SQLite',
  options: { ...common, connections: 8, lines: 1000, keyed: 0 },
  async run({ seconds, warmup, rounds, connections, lines, keyed }, workdir) {
    const { ours, reference } = await alternate(rounds, {
      ours: () =>
        measureGateway<PostClosedResult>(workdir, 'load/post-closed.ts', {
          connections,
          lines,
          warmup,
          seconds,
          keyed: keyed === 1,
        }),
      reference: () =>
        runWorker<SqliteInsertResult>('reference/sqlite-insert.ts', {
          dir: workdir.fresh(),
          rows: lines,
          warmup,
          seconds,
        }),
    })
    return [
      compare({
        bench: 'ingest-post',
        unit: 'events/s',
        bar: 0.7,
        aim: 1.0,
        ours: ours.map(one => one.eventsPerSecond),
        reference: reference.map(one => one.eventsPerSecond),
        detail: {
          connections,
          lines,
          keyed,
          commit_size: { ours: ours.map(one => one.commitSize), reference: lines },
          verified_events: ours.map(one => one.acked),
          generator_cpu: ours.map(one => one.cpu),
        },
      }),
    ]
  },
})
