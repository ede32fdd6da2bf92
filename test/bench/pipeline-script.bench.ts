import { common, compare, defineBenchmark, toLine } from './harness/benchmark.ts'
import { busySeconds, discarded, readyRows, runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { scriptSchema, scriptText } from './load/script-function.ts'
import type { PlainScriptResult } from './reference/plain-script.ts'

export const benchmark = defineBenchmark({
  about: 'rows/s of a script transform ÷ the same function in V8, without a sandbox, over rows that are objects',
  options: { rounds: common.rounds, rows: 500_000, parallelism: 1 },
  async run({ rounds, rows, parallelism }, workdir) {
    const pipeline = {
      // as long as the batches of the script, so that both sides see the same rows
      sources: { ready: { type: 'ready_rows', rows, batch_rows: 10_000 } },
      transforms: { scored: { type: 'script', from: 'ready', schema: scriptSchema, script: scriptText, parallelism } },
      sinks: { out: { type: 'blackhole', from: 'scored' } },
    }
    const { ours, reference } = await alternate(rounds, {
      async ours() {
        const run = await runPipelineFile({ dir: workdir.fresh(), pipeline, settings: readyRows })
        return { rowsPerSecond: rows / busySeconds(run), kept: discarded(run), cpuSeconds: run.cpuSeconds }
      },
      reference: () => runWorker<PlainScriptResult>('reference/plain-script.ts', { rows }),
    })
    if (new Set([...ours, ...reference].map(one => one.kept)).size !== 1)
      throw new Error(`the two sides differ: ${toLine({ ours, reference })}`)
    return [
      compare({
        bench: 'pipeline script',
        unit: 'rows/s',
        ours: ours.map(one => one.rowsPerSecond),
        reference: reference.map(one => one.rowsPerSecond),
        detail: { rows, parallelism, kept: ours[0]!.kept, rows_per_cpu_second: ours.map(one => rows / one.cpuSeconds) },
      }),
    ]
  },
})
