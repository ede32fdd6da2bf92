import { randomBytes } from 'node:crypto'
import { Admin } from '@platformatic/kafka'
import { clientOf } from '../../jobs/drivers/s3/client.ts'
import { openBucket } from '../../jobs/drivers/s3/open.ts'
import { service } from '../support/servers.ts'
import { defineBenchmark, type Report } from './harness/benchmark.ts'
import { compareMemory } from './harness/memory.ts'
import { discarded, readyRows, runPipelineFile } from './harness/pipeline.ts'
import { expectCount, inDatabase, inSchema, postgresSettings, totalsSink } from './harness/servers.ts'
import type { Workdir } from './harness/workdir.ts'

/** A pipeline with one connector in it. */
type Leg = (name: string, nodes: { source?: object; sink?: object }, settings: Settings) => Promise<void>
type Settings = Readonly<Record<string, string | number>>

/** by server: what it does with the rows, and then without them */
const servers: readonly ((leg: Leg, rows: number) => Promise<void>)[] = [postgres, clickhouse, kafka, s3]

export const benchmark = defineBenchmark({
  about:
    'memory of 10,000,000 rows into and out of each server: last third of a run ÷ middle third (--server 1: Postgres, 2: ClickHouse, 3: Kafka, 4: S3)',
  options: { rows: 10_000_000, server: 0 },
  async run({ rows, server }, workdir) {
    const reports: Report[] = []
    const leg = legsOf(rows, workdir, reports)
    for (const [at, run] of servers.entries()) if (server === 0 || server === at + 1) await run(leg, rows)
    return reports
  },
})

/** Into the connector come rows that are ready; out of it they go into a blackhole, and all are there. */
const legsOf =
  (rows: number, workdir: Workdir, reports: Report[]): Leg =>
  async (name, { source, sink }, settings) => {
    const run = await runPipelineFile({
      dir: workdir.fresh(),
      pipeline: {
        sources: { rows: source ?? { type: 'ready_rows', rows, keys: rows } },
        transforms: {},
        sinks: { out: { ...(sink ?? { type: 'blackhole' }), from: 'rows' } },
      },
      settings: { ...(source === undefined && readyRows), ...settings },
    })
    if (sink === undefined && discarded(run) !== rows) throw new Error(`${name}: ${discarded(run)} of ${rows} rows`)
    reports.push(compareMemory(`connector-memory ${name}`, rows, run))
  }

async function postgres(leg: Leg, rows: number): Promise<void> {
  const { POSTGRES: url } = running('postgres')
  const sinkSettings = postgresSettings('postgres_sink', url)
  await inSchema(url, async schema => {
    await leg('into postgres', { sink: { type: 'postgres', schema, table: 'orders', primary_key: 'id' } }, sinkSettings)
    await expectCount(url, `select count(*) as found from ${schema}.orders`, rows)
    const source = { type: 'postgres', schema, table: 'orders' }
    await leg('from postgres', { source }, postgresSettings('postgres_source', url))
  })
  await inSchema(url, async schema => {
    await leg('into postgres_aggregate', { sink: totalsSink(schema) }, sinkSettings)
    await expectCount(url, `select sum(orders) as found from ${schema}.totals`, rows)
  })
}

async function clickhouse(leg: Leg): Promise<void> {
  const { CLICKHOUSE: url } = running('clickhouse')
  await inDatabase(url, async database => {
    const settings = (section: string) => ({ [`${section}__url`]: url, [`${section}__database`]: database })
    const sink = { type: 'clickhouse', table: 'orders', primary_key: 'id' }
    await leg('into clickhouse', { sink }, settings('clickhouse_sink'))
    await leg(
      'from clickhouse',
      { source: { type: 'clickhouse', table_name: 'orders' } },
      settings('clickhouse_source'),
    )
  })
}

async function kafka(leg: Leg): Promise<void> {
  const { KAFKA: brokers } = running('kafka')
  const { REGISTRY: registry } = running('registry')
  const topic = `bench-${randomBytes(5).toString('hex')}`
  const settings = (section: string) => ({
    [`${section}__brokers`]: brokers,
    [`${section}__schema_registry_url`]: registry,
  })
  try {
    const sink = { type: 'kafka', topic, data_format: 'avro', topic_partitions: 4, primary_key: 'id' }
    await leg('into kafka', { sink: { ...sink, checkpoint_topic: `${topic}-checkpoints` } }, settings('kafka_sink'))
    await leg('from kafka', { source: { type: 'kafka', topic } }, settings('kafka_source'))
  } finally {
    const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [brokers] })
    await admin.deleteTopics({ topics: [topic, `${topic}-checkpoints`] })
    await admin.close()
  }
}

async function s3(leg: Leg): Promise<void> {
  const { S3: endpoint } = running('s3')
  const server = { endpoint, access_key_id: 'millrace', secret_access_key: 'millrace-secret' }
  const settings = Object.fromEntries(Object.entries(server).map(([key, value]) => [`s3__${key}`, value]))
  const { client, sdk } = await clientOf(server)
  const Bucket = `bench-${randomBytes(5).toString('hex')}`
  await client.send(new sdk.CreateBucketCommand({ Bucket }))
  const path = `s3://${Bucket}/orders`
  try {
    await leg('into s3', { sink: { type: 'parquet', path, partition_by: ['country'] } }, settings)
    await leg('from s3', { source: { type: 'file', path, format: 'parquet' } }, settings)
  } finally {
    const bucket = await openBucket(server, Bucket)
    const keys: string[] = []
    for await (const { key } of bucket.list('')) keys.push(key)
    // this server removes no folder before what is in it
    await bucket.remove(keys.reverse())
    await client.send(new sdk.DeleteBucketCommand({ Bucket }))
  }
}

function running<K extends Parameters<typeof service>[0]>(kind: K): ReturnType<typeof service<K>>['at'] {
  const { skip, at } = service(kind)
  if (skip) throw new Error(skip)
  return at
}
