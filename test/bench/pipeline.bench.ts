import { type Benchmark, defineBenchmark, note, type Report } from './harness/benchmark.ts'

/** Each is a benchmark of its own, too: `pipeline-runtime`, … */
const parts: Record<string, () => Promise<{ benchmark: Benchmark }>> = {
  runtime: () => import('./pipeline-runtime.bench.ts'),
  script: () => import('./pipeline-script.bench.ts'),
  handler: () => import('./pipeline-handler.bench.ts'),
  checkpoints: () => import('./pipeline-checkpoints.bench.ts'),
  sinks: () => import('./pipeline-sinks.bench.ts'),
  memory: () => import('./pipeline-memory.bench.ts'),
}

export const benchmark = defineBenchmark({
  about: 'all that begin with pipeline-, in turn; rounds and rows of each: 0 is its own default',
  options: { rounds: 0, rows: 0 },
  async run(given, workdir) {
    const reports: Report[] = []
    for (const [name, load] of Object.entries(parts)) {
      note(`pipeline-${name}`)
      const { benchmark } = await load()
      const wanted = Object.entries(given).filter(([option, value]) => value > 0 && option in benchmark.options)
      reports.push(...(await benchmark.run({ ...benchmark.options, ...Object.fromEntries(wanted) }, workdir)))
    }
    return reports
  },
})
