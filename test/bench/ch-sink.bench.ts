import { service } from '../support/servers.ts'
import { common, compare, defineBenchmark, type Report } from './harness/benchmark.ts'
import { busySeconds, readyRows, runPipelineFile } from './harness/pipeline.ts'
import { runWorker } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { inDatabase, queryClickHouse } from './harness/servers.ts'
import type { Workdir } from './harness/workdir.ts'
import type { ClickHouseInsertResult } from './reference/clickhouse-insert.ts'

const options = { rounds: common.rounds, rows: 3_000_000, insert: 1_000_000, zstd: 0 }
type Options = typeof options

/** Both sides insert as many rows at once, into a table as the sink makes it. */
export const benchmark = defineBenchmark({
  about:
    'rows/s of ready batches into the clickhouse sink ÷ bare Arrow inserts of the same rows (--zstd LEVEL: both compress)',
  options,
  async run(options, workdir) {
    const { skip, at } = service('clickhouse')
    if (skip) throw new Error(skip)
    return [await inDatabase(at.CLICKHOUSE, database => run(options, workdir, at.CLICKHOUSE, database))]
  },
})

async function run(
  { rounds, rows, insert, zstd }: Options,
  workdir: Workdir,
  url: string,
  database: string,
): Promise<Report> {
  const { ours, reference } = await alternate(rounds, {
    async ours() {
      await make(url, `${database}.ours`)
      await queryClickHouse(url, `DROP TABLE IF EXISTS ${database}._millrace_positions`)
      const run = await runPipelineFile({
        dir: workdir.fresh(),
        pipeline: {
          sources: { ready: { type: 'ready_rows', rows, keys: rows } },
          transforms: {},
          sinks: { out: { type: 'clickhouse', from: 'ready', table: 'ours', primary_key: 'id' } },
        },
        settings: {
          ...readyRows,
          clickhouse_sink__url: url,
          clickhouse_sink__database: database,
          clickhouse_sink__compression: zstd === 0 ? 'none' : 'zstd',
          clickhouse_sink__compression_level: Math.max(zstd, 1),
          checkpoint_max_rows: insert,
          checkpoint_interval_sec: 3600,
        },
      })
      await expectRows(url, `${database}.ours`, rows)
      return { rowsPerSecond: rows / busySeconds(run) }
    },
    async reference() {
      await make(url, `${database}.bare`)
      const config = { url, table: `${database}.bare`, rows, insertRows: insert, zstd }
      const result = await runWorker<ClickHouseInsertResult>('reference/clickhouse-insert.ts', config)
      await expectRows(url, `${database}.bare`, rows)
      return result
    },
  })
  return compare({
    bench: 'ch-sink',
    unit: 'rows/s',
    bar: 0.7,
    aim: 0.95,
    ours: ours.map(one => one.rowsPerSecond),
    reference: reference.map(one => one.rowsPerSecond),
    detail: { rows, insert, zstd },
  })
}

/** As the sink makes it. */
async function make(url: string, table: string): Promise<void> {
  await queryClickHouse(url, `DROP TABLE IF EXISTS ${table}`)
  await queryClickHouse(
    url,
    `CREATE TABLE ${table} (id Int64, customer Nullable(String), country Nullable(String), amount Nullable(Float64), ordered_at Nullable(DateTime64(6, 'UTC')), detail Nullable(String), is_deleted UInt8, insert_time DateTime64(6, 'UTC')) ENGINE = ReplacingMergeTree(insert_time, is_deleted) ORDER BY id SETTINGS non_replicated_deduplication_window = 10000`,
  )
}

async function expectRows(url: string, table: string, rows: number): Promise<void> {
  const text = await queryClickHouse(url, `SELECT count() FROM ${table}`)
  if (Number(text) !== rows) throw new Error(`${table} has ${text.trim()} of ${rows} rows`)
}
