import { common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { busySeconds, discarded, oneEpoch, readyRows, runPipelineFile } from './harness/pipeline.ts'
import type { Workdir } from './harness/workdir.ts'

/** What is measured: rows of a batch, and whether checkpoints come as they do by default. */
const cases = {
  runtime: { batchRows: 65_536, settings: oneEpoch, share: 1 },
  'runtime, batches of 1,000': { batchRows: 1000, settings: oneEpoch, share: 1 / 65 },
  'runtime, checkpoints': { batchRows: 65_536, settings: {}, share: 1 / 8 },
}

export const benchmark = defineBenchmark({
  about: 'rows/s of the runtime alone: batches that are ready → blackhole',
  options: { rounds: common.rounds, rows: 5_000_000_000 },
  async run({ rounds, rows }, workdir) {
    const reports: Report[] = []
    for (const [name, { batchRows, settings, share }] of Object.entries(cases)) {
      const count = Math.ceil(rows * share)
      const ours: { rowsPerSecond: number; epochs: number }[] = []
      for (let round = 0; round < rounds; round++) {
        ours.push(await measure(workdir, count, batchRows, settings))
        note(`${name}, round ${round + 1}: ${toLine(ours.at(-1)!)}`)
      }
      reports.push(
        compare({
          bench: `pipeline ${name}`,
          unit: 'rows/s',
          ours: ours.map(one => one.rowsPerSecond),
          detail: {
            rows: count,
            batches_per_second: ours.map(one => one.rowsPerSecond / batchRows),
            epochs: ours.map(one => one.epochs),
          },
        }),
      )
    }
    return reports
  },
})

async function measure(workdir: Workdir, rows: number, batchRows: number, settings: object) {
  const run = await runPipelineFile({
    dir: workdir.fresh(),
    pipeline: {
      sources: { ready: { type: 'ready_rows', rows, batch_rows: batchRows } },
      transforms: {},
      sinks: { out: { type: 'blackhole', from: 'ready' } },
    },
    settings: { ...readyRows, ...settings },
  })
  if (discarded(run) !== rows) throw new Error(`${rows} rows were ready, but ${discarded(run)} came`)
  return { rowsPerSecond: rows / busySeconds(run), epochs: Number(run.said(/ended at epoch (\d+)/)[1]) }
}
