import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Env, lines, ndjson, pipelineFolder, printedRows, until } from '../../support/pipeline.ts'
import { echo, startService } from '../../support/service.ts'

/**
 * Pipelines of the model runtime, run by the real program. Only what needs a server is another: `file` or a plugin
 * stands for kafka, `sqlite` for postgres. Sources that follow end by job mode.
 */

const fixture = (name: string) =>
  readFileSync(new URL(`../../fixtures/pipelines/${name}.yaml`, import.meta.url), 'utf8')
const at = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url))
const job = { STREAMLING__JOB_MODE: 'true' }
const withPlugins = { ...job, STREAMLING__PLUGIN__PATH: `${at('plugins')},${at('pipelines/acme.ts')}` }
const transactions = ndjson([
  { id: 1, amount: 5000 },
  { id: 2, amount: 1000 },
  { id: 3, amount: 1001 },
])
const events = ndjson([
  { id: 1, event_type: 'open', amount: 5000, status: 'new' },
  { id: 2, event_type: 'open', amount: 20, status: 'new' },
  { id: 3, event_type: 'shut', amount: 0, status: 'old', _gs_op: 'u' },
  { id: 2, event_type: 'open', amount: 20, status: 'new', _gs_op: 'd' },
])

/** A folder in which `millrace run pipeline.yaml` has come to a good end. */
async function runToEnd(
  t: TestContext,
  pipeline: string,
  files: Record<string, string>,
  { env = job, ms }: { env?: Env; ms?: number } = {},
) {
  const folder = pipelineFolder(t)
  folder.write('pipeline.yaml', pipeline)
  for (const [name, text] of Object.entries(files)) folder.write(name, text)
  const { code, stdout, stderr } = await folder.millrace(['run', 'pipeline.yaml'], env, ms)
  assert.equal(code, 0, stderr)
  return { ...folder, stdout }
}

test('file, SQL, print', async t => {
  const { stdout } = await runToEnd(t, fixture('quick-start'), { 'raw.event.transaction.ndjson': transactions })
  assert.deepEqual(printedRows(stdout), [
    ['INSERT', { id: 1, amount: 5000 }],
    ['INSERT', { id: 3, amount: 1001 }],
  ])
})

test('names with dots, in SQL and as the name of a sink', async t => {
  const folder = await runToEnd(t, fixture('dotted-names'), { 'raw.event.transaction.ndjson': transactions })
  assert.deepEqual(folder.query('out.db', 'select * from large_transactions order by id'), [
    { id: 1, amount: 5000 },
    { id: 3, amount: 1001 },
  ])
})

test('a plugin that follows, SQL, a handler, a script and a table in a row', async t => {
  const folder = pipelineFolder(t)
  const service = await startService(rows => rows.map(row => ({ ...row, amount: Number(row.amount) + 1 })), t)
  folder.write('pipeline.yaml', fixture('hero').replace('8087', `${service.port}`))
  const run = folder.start(['run', 'pipeline.yaml'], {
    ...withPlugins,
    STREAMLING__JOB_MODE: 'false',
    STREAMLING__CHECKPOINT_INTERVAL_SEC: '0.05',
  })
  const rows = () => folder.query('app.db', 'select id, amount, risk_score from orders order by id')
  await until('the first checkpoint', () => rows().length > 0)
  assert.equal((await run.end()).code, 0)
  assert.deepEqual(
    service.requests.map(({ path }) => path),
    ['/enrich'],
  )
  assert.deepEqual(rows(), [
    { id: 1, amount: 5001, risk_score: 'review' },
    { id: 2, amount: 21, risk_score: 'pass' },
    { id: 4, amount: 1001, risk_score: 'review' },
  ])
})

test('a source of a plugin, as many rows as its options say, in text', async t => {
  const folder = await runToEnd(t, fixture('plugin-source'), {}, { env: withPlugins })
  const [found] = folder.query('out.db', 'select count(*) as rows, min(num_field) as least from orders')
  assert.equal(found?.least, 101)
  assert.ok(Number(found?.rows) > 8500 && Number(found?.rows) < 9500, `${found?.rows} of 10,000 random rows pass`)
})

test('a transform of a plugin that keeps inserts', async t => {
  const folder = await runToEnd(t, fixture('plugin-transform'), { 'raw.events.ndjson': events }, { env: withPlugins })
  assert.deepEqual(folder.query('out.db', 'select id from events order by id'), [{ id: 1 }, { id: 2 }])
})

test('a sink of a plugin behind a source, without transforms', async t => {
  const files = { 'raw.events.ndjson': events }
  const { stdout } = await runToEnd(t, fixture('plugin-sink'), files, { env: withPlugins, ms: 6000 })
  const rows: { id: number; _gs_op: string }[] = lines(stdout).flatMap(line => JSON.parse(line))
  assert.deepEqual(
    rows.map(({ id, _gs_op }) => `${id}${_gs_op}`),
    ['1i', '2i', '3u', '2d'],
  )
})

test('plugins at both ends, and options that the environment sets', async t => {
  const folder = pipelineFolder(t)
  folder.write('pipeline.yaml', readFileSync(at('plugins/pipeline.yaml'), 'utf8'))
  const few = { ...withPlugins, STREAMLING__PLUGIN__BASIC_PLUGIN_RANDOM_SOURCE__MAX_ROWS: '7' }
  const [first, second] = await Promise.all([
    folder.millrace(['run', 'pipeline.yaml'], withPlugins, 6000),
    folder.millrace(['run', 'pipeline.yaml'], { ...few, STREAMLING__APPLICATION_ID: 'other' }, 6000),
  ])
  assert.deepEqual([first.code, second.code], [0, 0], first.stderr + second.stderr)
  assert.deepEqual(
    [first, second].map(({ stdout }) => lines(stdout).flatMap(line => JSON.parse(line)).length),
    [50, 7],
  )
})

test('SQL with an operation column, a handler, a script as a folded block; print, blackhole and webhook', async t => {
  const service = await startService(
    (rows, { path }) => (path === '/enrich' ? rows.map(row => ({ ...row, tier: 'basic' })) : 204),
    t,
  )
  const pipeline = fixture('connectors').replaceAll('8087', `${service.port}`)
  const { stdout } = await runToEnd(t, pipeline, { 'raw.events.ndjson': events })
  assert.deepEqual(
    printedRows(stdout).map(([kind, { id }]) => `${kind} ${id}`),
    ['INSERT 1', 'INSERT 2', 'DELETE 2'],
  )
  const sent = service.requests.filter(({ path }) => path === '/notify').map(({ body }) => JSON.parse(body))
  assert.deepEqual(sent.flat(), [
    { id: 1, event_type: 'open', amount: 5000, status: 'new_seen', _gs_op: 'i', tier: 'gold' },
    { id: 2, event_type: 'open', amount: 20, status: 'new_seen', _gs_op: 'i', tier: 'basic' },
    { id: 2, event_type: 'open', amount: 20, status: 'new_seen', _gs_op: 'd', tier: 'basic' },
  ])
})

test('dynamic tables in memory: filled by SQL from the same input, or by nobody', async t => {
  const orders = [
    { id: 1, customer_id: 'a', tier: 'vip' },
    { id: 2, customer_id: 'b', tier: 'free' },
    { id: 3, customer_id: 'a', tier: 'free' },
  ]
  const folder = await runToEnd(t, fixture('dynamic-tables'), {
    'orders.ndjson': ndjson(orders.map(order => ({ ...order, amount: 1, created_at: '2026-01-31' }))),
  })
  const ids = (table: string) => folder.query('out.db', `select id from ${table} order by id`).map(({ id }) => id)
  assert.deepEqual(ids('vip_orders'), [1, 3])
  assert.deepEqual(ids('new_users'), [1, 2, 3])
  assert.deepEqual(ids('unseen'), [], 'the table has the values of a batch before the batch goes on')
})

test('aggregates: by group, with types of Postgres, and over everything', async t => {
  const trade = { account: 'alice', amount: 100, market: 'x', volume: 0.1, price: 10 }
  const trades = [
    { trade_id: 1, ...trade },
    { trade_id: 2, ...trade, amount: 50, price: 20 },
    { trade_id: 3, ...trade, account: 'bob', amount: 125, market: 'y' },
    { trade_id: 4, ...trade, amount: -30, market: 'y' },
    { trade_id: 2, ...trade, amount: 50, price: 20, _gs_op: 'd' },
  ]
  const folder = await runToEnd(t, fixture('aggregates'), { 'trades.ndjson': ndjson(trades) })
  assert.deepEqual(folder.query('finance.db', 'select account, balance from account_balances order by account'), [
    { account: 'alice', balance: 70 },
    { account: 'bob', balance: 125 },
  ])
  assert.deepEqual(folder.query('trading.db', 'select * from market_stats order by market'), [
    { market: 'x', trade_count: 1, total_volume: '0.10000', avg_price_sum: 10, avg_price_count: 1 },
    { market: 'y', trade_count: 2, total_volume: '0.20000', avg_price_sum: 20, avg_price_count: 2 },
  ])
  assert.deepEqual(folder.query('analytics.db', 'select * from global_totals'), [{ key: 'value', total_count: 3 }])
})

test('settings by STREAMLING__ in the environment; ours go before, and those of servers are left alone', async t => {
  const service = await startService(echo, t)
  const pipeline = fixture('connectors').replaceAll('8087', `${service.port}`)
  const env = {
    STREAMLING__PIPELINE_DEFINITION_LOCATION: 'pipeline.yaml',
    STREAMLING__KAFKA_SOURCE__BROKERS: 'localhost:9092',
    STREAMLING__KAFKA_SOURCE__SCHEMA_REGISTRY_URL: 'http://localhost:8081',
    STREAMLING__OPEN_TELEMETRY_METRICS__GLOBAL_TAGS: 'environment:test',
    STREAMLING__JOB_MODE: 'true',
    STREAMLING__EXTERNAL_HTTP_HANDLER__TRIGGER_MAX_COUNT: '1',
    STREAMLING__PRINT_SINK__SAMPLE_EVERY: '1',
    MILLRACE__PRINT_SINK__SAMPLE_EVERY: '2',
    STREAMLING__STATE_BACKEND__BACKEND_TYPE: 'InMemory',
    RUST_LOG: 'info',
  }
  const { stdout, read } = await runToEnd(t, pipeline, { 'raw.events.ndjson': events }, { env })
  assert.deepEqual(
    printedRows(stdout).map(([, { id }]) => id),
    [2],
  )
  assert.deepEqual(service.requests.map(({ path }) => path).sort(), [
    ...Array(3).fill('/enrich'),
    ...Array(3).fill('/notify'),
  ])
  assert.throws(() => read('state.db'), { code: 'ENOENT' })
})

test('a preprocessor, a side output and a function of a plugin, named by the environment', async t => {
  const folder = await runToEnd(
    t,
    `sources: { people: { type: file, path: people.ndjson, primary_key: id } }
transforms: { short: { type: sql, primary_key: id, sql: 'SELECT id, initials(name) AS short FROM people' } }
sinks: { out: { type: sqlite, from: short, path: out.db, table: "\${table}", primary_key: id } }
`,
    {
      'people.ndjson': ndjson([{ id: 1, name: 'ada lovelace' }]),
      'millrace.yaml': 'plugin: { preprocessor_options: { fill_in: { table: people } } }\n',
    },
    {
      env: {
        ...withPlugins,
        STREAMLING__PLUGIN__PREPROCESSOR_IDS: 'fill_in',
        STREAMLING__PLUGIN__SIDE_OUTPUT_IDS: 'row_counter',
      },
    },
  )
  assert.deepEqual(folder.query('out.db', 'select * from people'), [{ id: 1, short: 'AL' }])
})
