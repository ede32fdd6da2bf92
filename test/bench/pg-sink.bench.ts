import { service } from '../support/servers.ts'
import { common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { busySeconds, type PipelineRun, readyRows, runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { expectCount, inSchema, postgresSettings, totalsSink } from './harness/servers.ts'
import type { Workdir } from './harness/workdir.ts'
import type { PgCopyResult } from './reference/pg-copy.ts'

const options = { rounds: common.rounds, rows: 500_000, keys: 500_000, aggregate: 1 }
type Options = typeof options

export const benchmark = defineBenchmark({
  about: 'rows/s of ready batches into the postgres sink ÷ bare COPY of the same rows; into postgres_aggregate',
  options,
  async run(options, workdir) {
    const { skip, at } = service('postgres')
    if (skip) throw new Error(skip)
    const reports = [await upserts(options, at.POSTGRES, workdir)]
    if (options.aggregate === 1) reports.push(await aggregates(options, at.POSTGRES, workdir))
    return reports
  },
})

async function upserts({ rounds, rows, keys }: Options, url: string, workdir: Workdir): Promise<Report> {
  const { ours, reference } = await alternate(rounds, {
    ours: () =>
      inSchema(url, async schema => {
        const sink = { type: 'postgres', schema, table: 'orders', primary_key: 'id' }
        const run = await intoSink(workdir, url, rows, keys, sink)
        await expectCount(url, `select count(*) as found from ${schema}.orders`, Math.min(rows, keys))
        return { rowsPerSecond: rows / busySeconds(run) }
      }),
    reference: () => inSchema(url, schema => runWorker<PgCopyResult>('reference/pg-copy.ts', { url, schema, rows })),
  })
  return compare({
    bench: 'pg-sink',
    unit: 'rows/s',
    bar: 0.4,
    aim: 0.7,
    ours: ours.map(one => one.rowsPerSecond),
    reference: reference.map(one => one.rowsPerSecond),
    detail: { rows, keys },
  })
}

async function aggregates({ rounds, rows, keys }: Options, url: string, workdir: Workdir): Promise<Report> {
  const ours: number[] = []
  for (let round = 0; round < rounds; round++) {
    const rowsPerSecond = await inSchema(url, async schema => {
      const run = await intoSink(workdir, url, rows, keys, totalsSink(schema))
      // a row of a known key replaces what that key had contributed
      await expectCount(url, `select sum(orders) as found from ${schema}.totals`, Math.min(rows, keys))
      return rows / busySeconds(run)
    })
    ours.push(rowsPerSecond)
    note(`postgres_aggregate, round ${round + 1}: ${toLine({ rowsPerSecond })}`)
  }
  return compare({ bench: 'pg-sink aggregate', unit: 'rows/s', ours, detail: { rows, keys } })
}

function intoSink(workdir: Workdir, url: string, rows: number, keys: number, sink: object): Promise<PipelineRun> {
  return runPipelineFile({
    dir: workdir.fresh(),
    pipeline: {
      sources: { ready: { type: 'ready_rows', rows, keys } },
      transforms: {},
      sinks: { out: { ...sink, from: 'ready' } },
    },
    settings: { ...readyRows, ...postgresSettings('postgres_sink', url) },
  })
}
