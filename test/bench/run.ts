/** `npm run bench NAME [-- --seconds 5 --rounds 3 --append]`: one JSON line per report on stdout, progress on stderr. */
import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Benchmark, note, toLine } from './harness/benchmark.ts'
import { appendResult } from './harness/results.ts'
import { openWorkdir } from './harness/workdir.ts'

const benchmarks: Record<string, () => Promise<{ benchmark: Benchmark }>> = {
  'ingest-post': () => import('./ingest-post.bench.ts'),
  'ingest-single': () => import('./ingest-single.bench.ts'),
  'ingest-ws': () => import('./ingest-ws.bench.ts'),
  'ingest-latency': () => import('./ingest-latency.bench.ts'),
  otlp: () => import('./otlp.bench.ts'),
  overload: () => import('./overload.bench.ts'),
  'idle-sockets': () => import('./idle-sockets.bench.ts'),
  startup: () => import('./startup.bench.ts'),
  'index-cost': () => import('./index-cost.bench.ts'),
  client: () => import('./client.bench.ts'),
  generator: () => import('./generator.bench.ts'),
  sql: () => import('./sql.bench.ts'),
  compact: () => import('./compact.bench.ts'),
  pipeline: () => import('./pipeline.bench.ts'),
  'pipeline-runtime': () => import('./pipeline-runtime.bench.ts'),
  'pipeline-script': () => import('./pipeline-script.bench.ts'),
  'pipeline-handler': () => import('./pipeline-handler.bench.ts'),
  'pipeline-checkpoints': () => import('./pipeline-checkpoints.bench.ts'),
  'pipeline-memory': () => import('./pipeline-memory.bench.ts'),
  'pipeline-sinks': () => import('./pipeline-sinks.bench.ts'),
  'pg-store': () => import('./pg-store.bench.ts'),
  'pg-sink': () => import('./pg-sink.bench.ts'),
  'ch-sink': () => import('./ch-sink.bench.ts'),
  kafka: () => import('./kafka.bench.ts'),
  'ch-pg': () => import('./ch-pg.bench.ts'),
  'connector-memory': () => import('./connector-memory.bench.ts'),
}

/** Benchmarks of one function, which print their line themselves and take no options. */
const scripts = ['framing', 'telemetry', 'otlp-decode']

const [name = '', ...flags] = process.argv.slice(2)
const load = benchmarks[name]
if (load) await run((await load()).benchmark)
else if (scripts.includes(name)) runScript()
else await list()

async function run(benchmark: Benchmark): Promise<void> {
  const { append, options } = parse(benchmark)
  const started = new Date()
  const machine = {
    node: process.version,
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    /** of the last minute, before anything ran: above 0.5 somebody else is measured too */
    load_before: loadavg()[0],
    at: started.toISOString(),
  }
  for (const report of await benchmark.run(options, openWorkdir())) {
    process.stdout.write(`${toLine({ ...report, ...machine })}\n`)
    if (append) {
      const text = `${machine.cpus} × ${machine.cpu}, Node ${machine.node}`
      appendResult(new URL('RESULTS.md', import.meta.url), report, text, started)
    }
  }
}

function runScript(): void {
  const file = fileURLToPath(new URL(`${name}.bench.ts`, import.meta.url))
  process.exitCode = spawnSync(process.execPath, [file, ...flags], { stdio: 'inherit' }).status ?? 1
}

function parse(benchmark: Benchmark): { append: boolean; options: Record<string, number> } {
  const numbers = Object.fromEntries(Object.keys(benchmark.options).map(key => [key, { type: 'string' }] as const))
  try {
    const { values } = parseArgs({ args: flags, options: { ...numbers, append: { type: 'boolean' } } })
    const options = { ...benchmark.options }
    for (const [key, value] of Object.entries(values)) {
      if (key === 'append') continue
      const number = Number(value)
      if (!(number >= 0)) throw new Error(`--${key} takes a number, not '${value}'`)
      options[key] = number
    }
    return { append: values.append === true, options }
  } catch (error) {
    const defaults = Object.entries(benchmark.options).map(([key, value]) => `--${key} ${value}`)
    note(`${error instanceof Error ? error.message : error}\noptions and defaults: ${defaults.join(' ')} --append`)
    process.exit(2)
  }
}

async function list(): Promise<void> {
  if (name) note(`no benchmark is called '${name}'`)
  for (const [each, module] of Object.entries(benchmarks)) {
    const { about, options } = (await module()).benchmark
    const defaults = Object.entries(options).map(([key, value]) => `--${key} ${value}`)
    process.stdout.write(`${each}: ${about}\n    ${defaults.join(' ')}\n`)
  }
  for (const each of scripts) process.stdout.write(`${each}: see ${each}.bench.ts\n`)
  process.exitCode = name ? 2 : 0
}
