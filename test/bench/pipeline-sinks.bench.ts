import { join } from 'node:path'
import Database from 'better-sqlite3'
import { common, compare, defineBenchmark, note, type Report, toLine } from './harness/benchmark.ts'
import { busySeconds, type PipelineRun, readyRows, runPipelineFile } from './harness/pipeline.ts'
import { runWorker, startWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import type { Workdir } from './harness/workdir.ts'
import type { HttpServiceCounts } from './load/http-service.ts'
import type { SqliteUpsertResult } from './reference/sqlite-upsert.ts'

const options = { rounds: common.rounds, rows: 1_000_000, keys: 500_000, sqlite: 1, aggregate: 1, webhook: 1 }
type Options = typeof options

export const benchmark = defineBenchmark({
  about: 'rows/s into sinks from batches that are ready: sqlite ÷ bare upserts, sqlite_aggregate, webhook',
  options,
  async run(options, workdir) {
    const reports: Report[] = []
    if (options.sqlite === 1) reports.push(await upserts(options, workdir))
    if (options.aggregate === 1)
      reports.push(await alone('sqlite_aggregate', options, options.rows, workdir, aggregate))
    if (options.webhook === 1) {
      // requests cost more than rows of a table: a fifth of the rows will do
      reports.push(await alone('webhook', options, Math.ceil(options.rows / 5), workdir, webhook))
    }
    return reports
  },
})

/** Half of the rows are new, the others replace one of them. */
async function upserts({ rounds, rows, keys }: Options, workdir: Workdir): Promise<Report> {
  const { ours, reference } = await alternate(rounds, {
    async ours() {
      const dir = workdir.fresh()
      const sink = { type: 'sqlite', path: join(dir, 'out.db'), table: 'orders', primary_key: 'id' }
      const run = await intoSink(dir, rows, keys, sink)
      expectCount(join(dir, 'out.db'), 'select count(*) as found from orders', Math.min(rows, keys))
      return { rowsPerSecond: rows / busySeconds(run) }
    },
    reference: () => runWorker<SqliteUpsertResult>('reference/sqlite-upsert.ts', { dir: workdir.fresh(), rows, keys }),
  })
  return compare({
    bench: 'pipeline sink sqlite',
    unit: 'rows/s',
    ours: ours.map(one => one.rowsPerSecond),
    reference: reference.map(one => one.rowsPerSecond),
    detail: { rows, keys },
  })
}

async function aggregate(rows: number, keys: number, workdir: Workdir): Promise<PipelineRun> {
  const dir = workdir.fresh()
  const path = join(dir, 'out.db')
  const run = await intoSink(dir, rows, keys, {
    type: 'sqlite_aggregate',
    path,
    landing_table: 'landing',
    agg_table: 'totals',
    primary_key: 'id',
    group_by: { country: {} },
    aggregate: { orders: { fn: 'count' }, total: { from: 'amount', fn: 'sum' } },
  })
  // a row of a known key replaces what that key had contributed
  expectCount(path, 'select sum(orders) as found from totals', Math.min(rows, keys))
  return run
}

async function webhook(rows: number, keys: number, workdir: Workdir): Promise<PipelineRun> {
  const service = startWorker('load/http-service.ts', { latency: 0, echo: false })
  const { port } = await service.message<{ port: number }>()
  const run = await intoSink(workdir.fresh(), rows, keys, { type: 'webhook', url: `http://127.0.0.1:${port}/` })
  service.send({})
  const counts = await service.message<HttpServiceCounts>()
  await service.stop()
  if (counts.rows !== rows) throw new Error(`${rows} rows were ready, but the service saw ${counts.rows}`)
  return run
}

async function alone(
  sink: string,
  { rounds, keys }: Options,
  rows: number,
  workdir: Workdir,
  measure: (rows: number, keys: number, workdir: Workdir) => Promise<PipelineRun>,
): Promise<Report> {
  const ours: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(rows / busySeconds(await measure(rows, keys, workdir)))
    note(`${sink}, round ${round + 1}: ${toLine({ rowsPerSecond: ours.at(-1)! })}`)
  }
  return compare({ bench: `pipeline sink ${sink}`, unit: 'rows/s', ours, detail: { rows, keys } })
}

function intoSink(dir: string, rows: number, keys: number, sink: object): Promise<PipelineRun> {
  return runPipelineFile({
    dir,
    pipeline: {
      sources: { ready: { type: 'ready_rows', rows, keys } },
      transforms: {},
      sinks: { out: { ...sink, from: 'ready' } },
    },
    settings: readyRows,
  })
}

function expectCount(file: string, sql: string, expected: number): void {
  const db = new Database(file, { readonly: true })
  const { found } = db.prepare<[], { found: number }>(sql).get()!
  db.close()
  if (found !== expected) throw new Error(`${sql}: ${found}, expected ${expected}`)
}
