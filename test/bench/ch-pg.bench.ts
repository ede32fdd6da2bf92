import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { service } from '../support/servers.ts'
import { common, compare, defineBenchmark, type Report } from './harness/benchmark.ts'
import { runPipelineFile } from './harness/pipeline.ts'
import { own } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { expectCount, inDatabase, inSchema, postgresSettings, queryClickHouse } from './harness/servers.ts'

/**
 * A table of ClickHouse into one of Postgres. The reference is what one does by hand: a client that prints the rows, and
 * `psql` that copies them. The engine here has no native port, so the client is `curl`.
 */
export const benchmark = defineBenchmark({
  about: 'rows/s clickhouse → postgres, a pipeline ÷ `curl … FORMAT TabSeparated | psql -c "copy …"` of the same rows',
  options: { rounds: common.rounds, rows: 1_000_000 },
  async run({ rounds, rows }, workdir): Promise<Report[]> {
    const [{ skip, at: from }, { skip: without, at: to }] = [service('clickhouse'), service('postgres')]
    if (skip || without) throw new Error(String(skip || without))
    for (const tool of ['curl', 'psql'])
      if (spawnSync(tool, ['--version']).status !== 0) throw new Error(`${tool} is not there: install it`)
    const { CLICKHOUSE: url } = from
    const { POSTGRES: postgres } = to
    const { ours, reference } = await inDatabase(url, async database => {
      await queryClickHouse(url, ordersSql(database, rows))
      return alternate(rounds, {
        ours: () =>
          inSchema(postgres, async schema => {
            const run = await runPipelineFile({
              dir: workdir.fresh(),
              pipeline: {
                sources: { orders: { type: 'clickhouse', table_name: `${database}.orders`, primary_key: 'id' } },
                transforms: {},
                sinks: { out: { type: 'postgres', from: 'orders', schema, table: 'orders', primary_key: 'id' } },
              },
              settings: { clickhouse_source__url: url, ...postgresSettings('postgres_sink', postgres) },
            })
            await expectCount(postgres, `select count(*) as found from ${schema}.orders`, rows)
            return { rowsPerSecond: rows / run.runSeconds, cpuSeconds: run.cpuSeconds, peak: Math.max(...run.rss) }
          }),
        reference: () =>
          inSchema(postgres, async schema => {
            const seconds = await pipe(url, database, postgres, schema)
            await expectCount(postgres, `select count(*) as found from ${schema}.orders`, rows)
            return { rowsPerSecond: rows / seconds }
          }),
      })
    })
    return [
      compare({
        bench: 'ch-pg',
        unit: 'rows/s',
        ours: ours.map(one => one.rowsPerSecond),
        reference: reference.map(one => one.rowsPerSecond),
        detail: { rows, cpu_seconds: ours.map(one => one.cpuSeconds), peak_mb: ours.map(one => one.peak) },
      }),
    ]
  },
})

const ordersSql = (database: string, rows: number): string => `
  CREATE TABLE ${database}.orders ENGINE = MergeTree ORDER BY id AS
  SELECT toInt64(number) AS id, concat('customer-', toString(intHash32(number) % 50000)) AS customer,
    ['DE', 'FR', 'US', 'JP', 'BR'][intHash32(number) % 5 + 1] AS country, (intHash32(number) % 100000) / 100 AS amount,
    toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + toIntervalSecond(number) AS ordered_at,
    concat('{"sku":"sku-', toString(intHash32(number) % 10000), '","quantity":', toString(number % 9 + 1), '}') AS detail
  FROM numbers(${rows})`

/** Into a table with the columns and the key of the sink's; seconds. */
async function pipe(url: string, database: string, postgres: string, schema: string): Promise<number> {
  const psql = (sql: string) => `psql "$POSTGRES" -q -v ON_ERROR_STOP=1 -c ${JSON.stringify(sql)}`
  const env = {
    ...process.env,
    POSTGRES: postgres,
    QUERY: `SELECT * FROM ${database}.orders ORDER BY id FORMAT TabSeparated`,
  }
  const shell = async (script: string) => {
    const child = spawn('bash', ['-c', `set -euo pipefail; ${script}`], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    own(child)
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${script}: ended with ${code}`)
  }
  await shell(
    psql(
      `create schema ${schema}; create table ${schema}.orders (id bigint primary key, customer text, country text, amount double precision, ordered_at timestamp, detail text)`,
    ),
  )
  const from = performance.now()
  await shell(`curl -sSf '${url}' --data-binary "$QUERY" | ${psql(`copy ${schema}.orders from stdin`)}`)
  return (performance.now() - from) / 1000
}
