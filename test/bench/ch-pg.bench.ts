import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { service } from '../support/servers.ts'
import { common, compare, defineBenchmark, type Report } from './harness/benchmark.ts'
import { runPipelineFile } from './harness/pipeline.ts'
import { own } from './harness/processes.ts'
import { alternate } from './harness/rounds.ts'
import { expectCount, inDatabase, inSchema, postgresSettings, queryClickHouse } from './harness/servers.ts'

/**
 * A table of ClickHouse into one of Postgres. The reference is what one does by hand: `clickhouse-client` prints the rows,
 * and `psql` copies them. The engine that we read has no native port, so that the client reads the same rows from a
 * ClickHouse 18.16; `curl` instead of the client reads them from the engine that we read.
 */
export const benchmark = defineBenchmark({
  about: 'rows/s clickhouse → postgres, a pipeline ÷ `clickhouse-client … | psql -c "copy …"` of the same rows',
  options: { rounds: common.rounds, rows: 1_000_000 },
  async run({ rounds, rows }, workdir): Promise<Report[]> {
    const { CLICKHOUSE: url } = at('clickhouse')
    const { POSTGRES: postgres } = at('postgres')
    const old = at('clickhouse18')
    for (const tool of ['curl', 'psql'])
      if (spawnSync(tool, ['--version']).status !== 0) throw new Error(`${tool} is not there: install it`)

    const runOurs = (database: string) =>
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
      })
    const copied = (reader: string, env: Record<string, string>) =>
      inSchema(postgres, async schema => {
        const seconds = await pipe(reader, env, postgres, schema)
        await expectCount(postgres, `select count(*) as found from ${schema}.orders`, rows)
        return { rowsPerSecond: rows / seconds }
      })

    return inDatabase(url, database =>
      inDatabase(old.CLICKHOUSE18, async oldDatabase => {
        await queryClickHouse(url, ordersSql(database, rows, "toDateTime64('2026-01-01 00:00:00', 6, 'UTC')"))
        // it has no DateTime64
        await queryClickHouse(
          old.CLICKHOUSE18,
          ordersSql(oldDatabase, rows, "toDateTime('2026-01-01 00:00:00', 'UTC')"),
        )
        const { password } = new URL(old.CLICKHOUSE18)
        const client = `"$CLIENT" --host 127.0.0.1 --port "$PORT" --password "$PASSWORD" --query "$QUERY"`
        const { CLICKHOUSE18_CLIENT: CLIENT, CLICKHOUSE18_PORT: PORT } = old
        const { ours, reference } = await alternate(rounds, {
          ours: () => runOurs(database),
          reference: () => copied(client, { CLIENT, PORT, PASSWORD: password, QUERY: readSql(oldDatabase) }),
        })
        const curl: typeof reference = []
        for (let round = 0; round < rounds; round++)
          curl.push(await copied(`curl -sSf '${url}' --data-binary "$QUERY"`, { QUERY: readSql(database) }))

        const report = (bench: string, by: typeof reference) =>
          compare({
            bench,
            unit: 'rows/s',
            ours: ours.map(one => one.rowsPerSecond),
            reference: by.map(one => one.rowsPerSecond),
            detail: { rows, cpu_seconds: ours.map(one => one.cpuSeconds), peak_mb: ours.map(one => one.peak) },
          })
        return [report('ch-pg', reference), report('ch-pg curl', curl)]
      }),
    )
  },
})

function at<K extends 'clickhouse' | 'clickhouse18' | 'postgres'>(kind: K) {
  const { skip, at } = service(kind)
  if (skip) throw new Error(skip)
  return at
}

const readSql = (database: string) => `SELECT * FROM ${database}.orders ORDER BY id FORMAT TabSeparated`

const ordersSql = (database: string, rows: number, begin: string): string => `
  CREATE TABLE ${database}.orders ENGINE = MergeTree ORDER BY id AS
  SELECT toInt64(number) AS id, concat('customer-', toString(intHash32(number) % 50000)) AS customer,
    ['DE', 'FR', 'US', 'JP', 'BR'][intHash32(number) % 5 + 1] AS country, (intHash32(number) % 100000) / 100 AS amount,
    ${begin} + number AS ordered_at,
    concat('{"sku":"sku-', toString(intHash32(number) % 10000), '","quantity":', toString(number % 9 + 1), '}') AS detail
  FROM numbers(${rows})`

/** What a command reads, into a table with the columns and the key of the sink's; seconds. */
async function pipe(reader: string, given: Record<string, string>, postgres: string, schema: string): Promise<number> {
  const psql = (sql: string) => `psql "$POSTGRES" -q -v ON_ERROR_STOP=1 -c ${JSON.stringify(sql)}`
  const env = { ...process.env, POSTGRES: postgres, ...given }
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
  await shell(`${reader} | ${psql(`copy ${schema}.orders from stdin`)}`)
  return (performance.now() - from) / 1000
}
