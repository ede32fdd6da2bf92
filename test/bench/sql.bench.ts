import { join } from 'node:path'
import { common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { clocked } from './harness/clock.ts'
import { discarded, runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { openWorkdir, type Workdir } from './harness/workdir.ts'
import { ordersPipeline } from './load/orders.ts'
import type { DuckdbQueryResult } from './reference/duckdb-query.ts'

const formats = ['ndjson', 'parquet'] as const

export const benchmark = defineBenchmark({
  about: 'rows/s file → sql → blackhole ÷ DuckDB with the same query, its result read into JavaScript',
  options: { rounds: common.rounds, rows: 2_000_000, ndjson: 1, parquet: 1 },
  async run(options, workdir) {
    const { rounds, rows } = options
    const folder = openWorkdir().fresh()
    const files = Object.fromEntries(formats.map(format => [format, join(folder, `orders.${format}`)]))
    await runWorker('load/order-files.ts', { rows, ...files })
    const start = await startSeconds(workdir, folder)
    const reports: Report[] = []
    for (const format of formats) {
      if (options[format] === 1) reports.push(await compareFormat(workdir, format, files[format]!, rows, rounds, start))
    }
    return reports
  },
})

async function compareFormat(
  workdir: Workdir,
  format: string,
  file: string,
  rows: number,
  rounds: number,
  start: number,
): Promise<Report> {
  const { ours, reference } = await alternate(rounds, {
    async ours() {
      const run = await runPipelineFile({ dir: workdir.fresh(), pipeline: ordersPipeline(file, { type: 'blackhole' }) })
      return {
        seconds: run.runSeconds,
        whole: run.seconds,
        cpuSeconds: run.cpuSeconds,
        passed: discarded(run),
        peak: Math.max(...run.rss),
      }
    },
    async reference() {
      const { value, ...time } = await clocked(() =>
        runWorker<DuckdbQueryResult>('reference/duckdb-query.ts', { file }),
      )
      return { ...time, seconds: value.querySeconds, whole: time.seconds, passed: value.rows }
    },
  })
  const passed = new Set([...ours, ...reference].map(one => one.passed))
  if (passed.size !== 1) throw new Error(`the two sides differ: ${toLine({ ours, reference })}`)
  return compare({
    bench: `sql ${format}`,
    unit: 'rows/s',
    bar: 0.4,
    aim: 0.8,
    ours: ours.map(one => rows / one.seconds),
    reference: reference.map(one => rows / one.seconds),
    detail: {
      rows,
      passed: [...passed][0],
      start_seconds: start,
      whole_process_seconds: { ours: ours.map(one => one.whole), reference: reference.map(one => one.whole) },
      rows_per_cpu_second: {
        ours: ours.map(one => rows / one.cpuSeconds),
        reference: reference.map(one => rows / one.cpuSeconds),
      },
      peak_mb: ours.map(one => one.peak),
    },
  })
}

/** Of a pipeline with next to no rows: what it takes to start and end. Fills the compile cache, too. */
async function startSeconds(workdir: Workdir, folder: string): Promise<number> {
  const file = join(folder, 'few.ndjson')
  await runWorker('load/order-files.ts', { rows: 10, ndjson: file })
  const times: number[] = []
  for (let run = 0; run < 2; run++) {
    const pipeline = ordersPipeline(file, { type: 'blackhole' })
    times.push((await runPipelineFile({ dir: workdir.fresh(), pipeline })).seconds)
  }
  note(`start and end of a pipeline: ${toLine({ seconds: times })}`)
  return times.at(-1)!
}
