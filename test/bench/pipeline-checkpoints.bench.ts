import { join } from 'node:path'
import { common, compare, defineBenchmark } from './harness/benchmark.ts'
import { oneEpoch, runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { openWorkdir, type Workdir } from './harness/workdir.ts'
import { lakePipeline, lakeSql } from './load/lake-events.ts'

export const benchmark = defineBenchmark({
  about: 'rows/s events → sql → sqlite with checkpoints ÷ with one at the end; `interval` in seconds',
  options: { rounds: common.rounds, rows: 1_000_000, interval: 1 },
  async run({ rounds, rows, interval }, workdir) {
    const store = join(openWorkdir().fresh(), 'events.db')
    await runWorker('load/event-store.ts', { rows, store })
    const { ours, reference } = await alternate(rounds, {
      ours: () => measure(workdir, store, { ...oneEpoch, checkpoint_interval_sec: interval }),
      reference: () => measure(workdir, store, oneEpoch),
    })
    return [
      compare({
        bench: 'pipeline checkpoints',
        unit: 'rows/s',
        ours: ours.map(one => rows / one.seconds),
        reference: reference.map(one => rows / one.seconds),
        detail: {
          rows,
          interval_seconds: interval,
          epochs: { ours: ours.map(one => one.epochs), reference: reference.map(one => one.epochs) },
          rows_per_cpu_second: {
            ours: ours.map(one => rows / one.cpuSeconds),
            reference: reference.map(one => rows / one.cpuSeconds),
          },
          peak_mb: { ours: ours.map(one => one.peak), reference: reference.map(one => one.peak) },
        },
      }),
    ]
  },
})

async function measure(workdir: Workdir, store: string, settings: Record<string, number>) {
  const dir = workdir.fresh()
  const run = await runPipelineFile({
    dir,
    pipeline: lakePipeline(store, lakeSql, {
      type: 'sqlite',
      path: join(dir, 'out.db'),
      table: 'lines',
      primary_key: 'seq',
    }),
    settings,
  })
  const epochs = Number(run.said(/ended at epoch (\d+)/)[1])
  return { seconds: run.seconds, cpuSeconds: run.cpuSeconds, epochs, peak: Math.max(...run.rss) }
}
