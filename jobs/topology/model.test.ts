import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadPlugins } from '../runtime/plugin/load.ts'
import { planPipeline } from './plan.ts'
import { settingsOf } from './topology.suite.ts'

/** Pipelines of the forms that the model's documents show are read unchanged. */

const plugins = await loadPlugins([fileURLToPath(new URL('../../test/fixtures/plugins', import.meta.url))])

async function problemsOf(text: string): Promise<string[]> {
  const { problems } = await planPipeline({ text, file: 'p.yaml', settings: settingsOf(), plugins })
  return problems.map(({ line, column, message }) => `${line}:${column}: ${message}`)
}

test('a plugin, SQL, a handler and a script in a row', async () => {
  const text = `
sources:
  tickets:
    type: basic_plugin.random_source
    options:
      max_rows: "500"
transforms:
  recent:
    type: sql
    primary_key: id
    sql: SELECT * FROM tickets WHERE opened_at > now() - interval '1 hour'
  looked_up:
    type: handler
    from: recent
    url: http://localhost:8087/look-up
    one_row_per_request: false
    primary_key: id
  rated:
    type: script
    from: looked_up
    language: typescript
    script: |
      function process(input) {
        input.urgent = input.age > 60 ? 'yes' : 'no';
        return input;
      }
    primary_key: id
sinks:
  told:
    type: webhook
    from: rated
    url: http://localhost:8087/told
  shown:
    type: print
    from: rated
  gone:
    type: blackhole
    from: rated
`
  assert.deepEqual(await problemsOf(text), [])
})

test('a plugin of each kind, with options as text, and no transforms at all', async () => {
  const chain = `
sources: { drawn: { type: basic_plugin.random_source, options: { max_rows: "50" } } }
transforms: { kept: { from: drawn, type: basic_plugin.filter_transform, options: { _gs_op: i } } }
sinks: { print.kept: { from: kept, type: print_sink, options: { mode: batch } } }
`
  assert.deepEqual(await problemsOf(chain), [])
  const direct = chain.replace(/transforms:.*/, 'transforms: {}').replace('from: kept', 'from: drawn')
  assert.deepEqual(await problemsOf(direct), [])
})

test('kafka, postgres and clickhouse at both ends, and names with dots', async () => {
  const text = `
sources:
  raw.tickets:
    type: kafka
    topic: raw.support.ticket
    primary_key: id
  archive:
    type: clickhouse
    table_name: tickets
    primary_key: id
transforms:
  old:
    type: sql
    primary_key: id
    sql: |
      SELECT *
      FROM raw.tickets
      WHERE age > 1000
sinks:
  pg.old:
    from: old
    type: postgres
    schema: public
    table: old_tickets
    primary_key: id
  balance:
    type: postgres_aggregate
    from: archive
    schema: support
    landing_table: ticket_log
    agg_table: open_tickets
    primary_key: id
    batch_flush_interval: 1s
    batch_size: 100
    group_by: { team: { type: text } }
    aggregate: { open: { from: weight, fn: sum } }
  topic:
    type: kafka
    topic: old_tickets
    topic_partitions: 10
    from: old
    data_format: avro
  table:
    type: clickhouse
    from: old
    table: old_tickets
    primary_key: id
    compression: gzip
`
  assert.deepEqual(await problemsOf(text), [])
})

test('dynamic tables are filled by SQL over one node, or from outside, and need no reader', async () => {
  const text = `
sources:
  support.tickets: { type: file, path: tickets.ndjson, format: json, mode: { type: bounded }, primary_key: id }
transforms:
  outside: { type: dynamic_table, backend_type: in-memory, backend_entity_name: outside }
  gold:
    type: dynamic_table
    backend_type: InMemory
    backend_entity_name: gold_customers
    sql: |
      SELECT customer_id
      FROM support.tickets
      WHERE tier = 'gold'
  of_gold:
    type: sql
    sql: |
      SELECT id, customer_id
      FROM support.tickets
      WHERE dynamic_table_check('gold', customer_id) AND NOT dynamic_table_check('outside', customer_id)
    primary_key: id
sinks:
  out: { type: print, from: of_gold }
`
  assert.deepEqual(await problemsOf(text), [])
  const { nodes } = await planPipeline({ text, file: 'p.yaml', settings: settingsOf(), plugins })
  assert.deepEqual(
    nodes.map(({ raw, inputs }) => [raw.name, ...inputs]),
    [['outside'], ['support.tickets'], ['gold', 'support.tickets'], ['of_gold', 'support.tickets'], ['out', 'of_gold']],
  )
  assert.deepEqual(await problemsOf(text.replace('in-memory', 'Postgres')), [])
})

test('labels of a node are those of the model', async () => {
  const text = `
sources:
  tickets:
    type: file
    path: tickets.csv
    telemetry: { labels: { tier: critical, dataset: support.tickets, team: platform } }
transforms: {}
sinks: { out: { type: blackhole, from: tickets } }
`
  assert.deepEqual(await problemsOf(text), [])
  assert.deepEqual(await problemsOf(text.replace('team:', 'path:')), [
    "6:70: label 'path' is one that the runtime sets itself",
  ])
})
