import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { type KafkaPeer, openKafkaPeer } from '../../support/kafka-peer.ts'
import { type Env, pipelineFolder, printedRows, until } from '../../support/pipeline.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { service } from '../../support/servers.ts'
import { echo, startService } from '../../support/service.ts'

/** The model's examples with real servers, and its names of the environment. */

const [postgres, kafka, registry, clickhouse] = [
  service('postgres'),
  service('kafka'),
  service('registry'),
  service('clickhouse'),
]
const skip = postgres.skip || kafka.skip || registry.skip || clickhouse.skip
const run = randomBytes(4).toString('hex')
const topicOf = (name: string) => `${name}.${run}`

let peer: KafkaPeer
let database: TestDatabase
let env: Env

if (!skip) {
  peer = await openKafkaPeer(kafka.at.KAFKA, registry.at.REGISTRY)
  after(() => peer.close())
  database = await testDatabase(postgres.at.POSTGRES)
  const { hostname, port, username, password, pathname } = new URL(database.url)
  env = {
    STREAMLING__KAFKA_SOURCE__BROKERS: kafka.at.KAFKA,
    STREAMLING__KAFKA_SOURCE__SCHEMA_REGISTRY_URL: registry.at.REGISTRY,
    STREAMLING__POSTGRES_SINK__HOST: hostname,
    STREAMLING__POSTGRES_SINK__PORT: port,
    STREAMLING__POSTGRES_SINK__USER: username,
    STREAMLING__POSTGRES_SINK__PASS: password,
    STREAMLING__POSTGRES_SINK__DB: pathname.slice(1),
    STREAMLING__CLICKHOUSE_SOURCE__URL: clickhouse.at.CLICKHOUSE,
    STREAMLING__CHECKPOINT_INTERVAL_SEC: '0.2',
  }
}

const record = (name: string, fields: Record<string, unknown>) => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
})
const transaction = record('transaction', { id: 'long', amount: 'double' })

async function clickhouseRun(sql: string): Promise<void> {
  const response = await fetch(clickhouse.at.CLICKHOUSE, { method: 'POST', body: sql })
  assert.ok(response.ok, await response.text())
}

test('Kafka, SQL, print', { skip }, async t => {
  const topic = topicOf('raw.event.transaction')
  await peer.createTopic(topic)
  await peer.sendAvro(topic, transaction, [
    { id: 1, amount: 5000 },
    { id: 2, amount: 1000 },
    { id: 3, amount: 1001 },
  ])
  const folder = pipelineFolder(t)
  folder.write(
    'pipeline.yaml',
    `
sources:
  raw_transactions: { type: kafka, topic: ${topic}, primary_key: id }
transforms:
  large_transactions:
    type: sql
    primary_key: id
    sql: |
      SELECT *
      FROM raw_transactions
      WHERE amount > 1000
sinks:
  print_large: { type: print, from: large_transactions }
`,
  )
  const pipeline = folder.start(['run', 'pipeline.yaml'], env)
  const printed = () => printedRows(pipeline.stdout())
  await until('two rows', () => printed().length === 2)
  assert.deepEqual(printed(), [
    ['INSERT', { id: 1, amount: 5000 }],
    ['INSERT', { id: 3, amount: 1001 }],
  ])
  assert.equal((await pipeline.end()).code, 0)
})

test('Kafka, SQL, Postgres and a webhook, with names that have dots', { skip }, async t => {
  const topic = topicOf('raw.event.transaction.both')
  const told = await startService(echo, t)
  await peer.createTopic(topic, 4)
  const folder = pipelineFolder(t)
  folder.write(
    'pipeline.yaml',
    `
sources:
  raw.transactions: { type: kafka, topic: ${topic} }
transforms:
  large_transactions:
    type: sql
    primary_key: id
    sql: |
      SELECT *
      FROM raw.transactions
      WHERE amount > 1000
sinks:
  pg.large_transactions:
    from: large_transactions
    type: postgres
    schema: public
    table: large_transactions
    primary_key: id
  webhook_accounts: { type: webhook, from: large_transactions, url: 'http://localhost:${told.port}/notify' }
`,
  )
  await peer.sendAvro(topic, transaction, [
    { id: 1, amount: 5000 },
    { id: 2, amount: 10 },
  ])
  const pipeline = folder.start(['run', 'pipeline.yaml'], env)
  const rows = () =>
    database.query('select id, amount from large_transactions order by id').catch(error => {
      if (error.code === '42P01') return []
      throw error
    })
  await until('the first row', async () => (await rows()).length === 1)
  await peer.sendAvro(topic, transaction, [{ id: 1, amount: 7000 }], { 'dbz.op': 'u' })
  await until('the update', async () => Number((await rows())[0]?.amount) === 7000)
  await peer.sendAvro(topic, transaction, [{ id: 1, amount: 7000 }], { 'dbz.op': 'd' })
  await until('the delete', async () => (await rows()).length === 0)
  assert.equal((await pipeline.end()).code, 0)
  const sent = told.requests.flatMap(({ body }) => JSON.parse(body))
  assert.deepEqual(
    sent.map(row => `${row.amount} ${row._gs_op}`),
    ['5000 i', '7000 u', '7000 d'],
  )
})

test('ClickHouse to Postgres, as a job', { skip }, async t => {
  const table = `orders_${run}`
  await clickhouseRun(`create table ${table} (id UInt64, item String) engine = MergeTree order by id`)
  t.after(() => clickhouseRun(`drop table ${table}`))
  await clickhouseRun(`insert into ${table} select number, concat('item ', toString(number)) from numbers(1000)`)
  const folder = pipelineFolder(t)
  folder.write(
    'pipeline.yaml',
    `
sources:
  ch_orders: { type: clickhouse, table_name: ${table}, primary_key: id }
transforms: {}
sinks:
  pg_orders: { type: postgres, from: ch_orders, schema: app, table: orders, primary_key: id }
`,
  )
  const { code, stderr } = await folder.millrace(['run', 'pipeline.yaml'], { ...env, STREAMLING__JOB_MODE: 'true' })
  assert.equal(code, 0, stderr)
  assert.deepEqual(await database.query('select count(*)::int as rows, min(item) as first from app.orders'), [
    { rows: 1000, first: 'item 0' },
  ])
})

test('an aggregate in Postgres: alice has 120 and bob 125', { skip }, async t => {
  const topic = topicOf('transfers')
  const transfer = record('transfer', { transfer_id: 'long', account: 'string', amount: 'double' })
  await peer.createTopic(topic)
  await peer.sendAvro(topic, transfer, [
    { transfer_id: 1, account: 'alice', amount: 100 },
    { transfer_id: 2, account: 'alice', amount: 50 },
    { transfer_id: 3, account: 'bob', amount: 125 },
  ])
  await peer.sendAvro(topic, transfer, [{ transfer_id: 2, account: 'alice', amount: 20 }], { 'dbz.op': 'u' })
  const folder = pipelineFolder(t)
  folder.write(
    'pipeline.yaml',
    `
sources:
  transfers: { type: kafka, topic: ${topic}, primary_key: transfer_id }
transforms: {}
sinks:
  balances:
    type: postgres_aggregate
    from: transfers
    schema: finance
    landing_table: transfer_log
    agg_table: account_balances
    primary_key: transfer_id
    batch_flush_interval: 1s
    batch_size: 100
    group_by:
      account:
        type: text
    aggregate:
      balance:
        from: amount
        fn: sum
`,
  )
  const pipeline = folder.start(['run', 'pipeline.yaml'], env)
  const balances = async () => {
    const rows = await database
      .query('select account, balance from finance.account_balances order by 1')
      .catch(() => [])
    return rows.map(({ account, balance }) => `${account} ${Number(balance)}`).join(', ')
  }
  await until('the balances', async () => (await balances()) === 'alice 120, bob 125')
  assert.equal((await pipeline.end()).code, 0)
})
