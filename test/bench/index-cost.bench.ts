import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { Workdir } from './harness/workdir.ts'
import type { SqliteInsertResult } from './reference/sqlite-insert.ts'

export const benchmark = defineBenchmark({
  about: 'what the unique index on (stream_id, stream_index) costs: inserts with it ÷ without',
  options: { ...common, rows: 1000 },
  async run({ seconds, warmup, rounds, rows }, workdir) {
    const { ours, reference } = await alternate(rounds, {
      ours: () => insert(workdir, { rows, warmup, seconds, indexed: true }),
      reference: () => insert(workdir, { rows, warmup, seconds, indexed: false }),
    })
    return [
      compare({
        bench: 'index-cost',
        unit: 'events/s',
        ours: ours.map(one => one.eventsPerSecond),
        reference: reference.map(one => one.eventsPerSecond),
        detail: { commit_size: rows },
      }),
    ]
  },
})

function insert(workdir: Workdir, config: object): Promise<SqliteInsertResult> {
  return runWorker<SqliteInsertResult>('reference/sqlite-insert.ts', { ...config, dir: workdir.fresh() })
}
