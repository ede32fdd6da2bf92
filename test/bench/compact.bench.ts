import { deepStrictEqual } from 'node:assert'
import { join } from 'node:path'
import { type Comparison, common, compare, defineBenchmark, note, toLine } from './harness/benchmark.ts'
import { clocked } from './harness/clock.ts'
import { filesOf, type LakeSummary, summarize } from './harness/lake.ts'
import { runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { openWorkdir, type Workdir } from './harness/workdir.ts'
import { lakeOnceSql, lakePipeline, lakeSql } from './load/lake-events.ts'
import type { DuckdbLakeResult } from './reference/duckdb-lake.ts'

export const benchmark = defineBenchmark({
  about: 'rows/s events → sql → Parquet by day ÷ DuckDB reading the same events as NDJSON and writing the same files',
  /** threads: of the reference, 0: DuckDB's default, those of the machine; once: also with SQL that parses once */
  options: { rounds: common.rounds, rows: 1_000_000, threads: 0, once: 1 },
  async run({ rounds, rows, threads, once }, workdir) {
    const folder = openWorkdir().fresh()
    const [store, ndjson] = [join(folder, 'events.db'), join(folder, 'events.ndjson')]
    await runWorker('load/event-store.ts', { rows, store, ndjson })
    const verify = createVerifier(rows)
    const measure = (sql: string) => runOurs(workdir, store, sql, verify)
    const { ours, reference } = await alternate(rounds, {
      ours: () => measure(lakeSql),
      async reference() {
        const lake = join(workdir.fresh(), 'lake')
        const work = () => runWorker<DuckdbLakeResult>('reference/duckdb-lake.ts', { ndjson, lake, threads })
        const { value, ...time } = await clocked(work)
        return { ...time, ...value, seconds: value.copySeconds, whole: time.seconds, ...(await verify(lake)) }
      },
    })
    const oursOnce: typeof ours = []
    for (let round = 0; once === 1 && round < rounds; round++) {
      oursOnce.push(await measure(lakeOnceSql))
      note(`one parse, round ${round + 1}: ${toLine(oursOnce.at(-1)!)}`)
    }

    const report = (side: typeof ours): Omit<Comparison, 'bench'> => ({
      unit: 'rows/s',
      ours: side.map(one => rows / one.seconds),
      reference: reference.map(one => rows / one.seconds),
      detail: {
        verified_rows: rows,
        duckdb_threads: reference[0]!.threads,
        whole_process_seconds: { ours: side.map(one => one.whole), reference: reference.map(one => one.whole) },
        rows_per_cpu_second: {
          ours: side.map(one => rows / one.cpuSeconds),
          reference: reference.map(one => rows / one.cpuSeconds),
        },
        files: { ours: side[0]!.files, reference: reference[0]!.files },
        megabytes: { ours: side[0]!.megabytes, reference: reference[0]!.megabytes },
        peak_mb: side.map(one => one.peak),
      },
    })
    return [
      compare({ bench: 'compact', bar: 0.5, aim: 0.9, ...report(ours) }),
      ...(oursOnce.length > 0 ? [compare({ bench: 'compact one parse', ...report(oursOnce) })] : []),
    ]
  },
})

type Verify = ReturnType<typeof createVerifier>

async function runOurs(workdir: Workdir, store: string, sql: string, verify: Verify) {
  const dir = workdir.fresh()
  const lake = join(dir, 'lake')
  const sink = { type: 'parquet', path: lake, partition_by: ['day'], compression: 'zstd' }
  const run = await runPipelineFile({ dir, pipeline: lakePipeline(store, sql, sink) })
  const { seconds: whole, runSeconds: seconds, cpuSeconds, rss } = run
  return { seconds, whole, cpuSeconds, peak: Math.max(...rss), ...(await verify(lake)) }
}

/** Throws where a folder does not hold `rows` rows, or others than the first that it looked at. */
function createVerifier(rows: number) {
  let first: LakeSummary | undefined
  return async (lake: string) => {
    const summary = await summarize(lake)
    if (Number(summary.rows) !== rows) throw new Error(`${rows} events became ${summary.rows} rows`)
    deepStrictEqual(summary, (first ??= summary), 'the files of the two sides do not hold the same rows')
    return filesOf(lake)
  }
}
