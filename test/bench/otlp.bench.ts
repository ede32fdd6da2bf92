import type { Signal } from '../../core/otlp/records.ts'
import { type Comparison, common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { type Measured, measureGateway } from './harness/measure.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { checkStoredOtlp } from './harness/stored-otlp.ts'
import type { Workdir } from './harness/workdir.ts'
import type { LoopResult } from './load/otlp-loop.ts'
import type { SqliteOtlpResult } from './reference/sqlite-otlp.ts'

const options = {
  ...common,
  connections: 8,
  records: 1000,
  /** also spans, metrics, JSON, gRPC and OTAP */
  further: 1,
}
type Options = typeof options

/** Ways in that are measured, each a generator with its configuration. */
const ways = {
  logs: { generator: 'load/otlp-post.ts', signal: 'logs', encoding: 'protobuf' },
  traces: { generator: 'load/otlp-post.ts', signal: 'traces', encoding: 'protobuf' },
  metrics: { generator: 'load/otlp-post.ts', signal: 'metrics', encoding: 'protobuf' },
  'logs json': { generator: 'load/otlp-post.ts', signal: 'logs', encoding: 'json' },
  'logs grpc': { generator: 'load/otlp-grpc.ts', signal: 'logs' },
  'logs otap': { generator: 'load/otlp-arrow.ts', signal: 'logs' },
} as const satisfies Record<string, { generator: string; signal: Signal; encoding?: string }>
type Way = keyof typeof ways
const names = Object.keys(ways) as Way[]

export const benchmark = defineBenchmark({
  about: 'durable OTLP records/s ÷ in-process SQLite with one insert per row; logs first, the bar is theirs',
  options,
  async run(options, workdir) {
    const reports: Report[] = []
    const references = new Map<Signal, number[]>()
    for (const way of options.further === 1 ? names : names.slice(0, 1)) {
      const { signal } = ways[way]
      const known = references.get(signal)
      const { ours, reference } = await rounds(way, options, workdir, known === undefined)
      if (known === undefined) references.set(signal, reference)
      reports.push(compare(comparison(way, options, ours, references.get(signal)!)))
    }
    return reports
  },
})

/** The reference of a signal runs once, in turn with the first way that it comes in. */
async function rounds(way: Way, options: Options, workdir: Workdir, withReference: boolean) {
  const { connections, records, warmup, seconds } = options
  const { generator, ...rest } = ways[way]
  const config = { ...rest, connections, records, warmup, seconds }
  const check = (store: string, acked: number) => checkStoredOtlp(rest.signal, records, store, acked)
  const measure = () => measureGateway<LoopResult>(workdir, generator, config, { check })
  if (withReference) {
    const { ours, reference } = await alternate(options.rounds, {
      ours: measure,
      reference: () =>
        runWorker<SqliteOtlpResult>('reference/sqlite-otlp.ts', {
          dir: workdir.fresh(),
          signal: rest.signal,
          rows: records,
          warmup,
          seconds,
        }),
    })
    return { ours, reference: reference.map(one => one.recordsPerSecond) }
  }
  const ours: Measured<LoopResult>[] = []
  for (let round = 0; round < options.rounds; round++) {
    ours.push(await measure())
    note(`${way}, round ${round + 1}: ${toLine(ours.at(-1)!)}`)
  }
  return { ours, reference: [] }
}

function comparison(way: Way, options: Options, ours: Measured<LoopResult>[], reference: number[]): Comparison {
  const { connections, records } = options
  return {
    bench: `otlp ${way}`,
    unit: 'records/s',
    ...(way === 'logs' ? { bar: 0.4, aim: 0.7 } : {}),
    ours: ours.map(one => one.recordsPerSecond),
    reference,
    detail: {
      connections,
      records,
      records_per_s_per_core: ours.map(one => one.recordsPerSecond / one.serverCpu),
      gateway_cpu: ours.map(one => one.serverCpu),
      generator_cpu: ours.map(one => one.cpu),
      commit_size: { ours: ours.map(one => one.commitSize), reference: records },
      verified_records: ours.map(one => one.acked),
    },
  }
}
