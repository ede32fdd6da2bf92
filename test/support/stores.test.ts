import assert from 'node:assert/strict'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import pg from 'pg'
import type { RowByHand } from '../../core/otlp/records.suite.ts'
import { openStore } from '../../gateway/store/index.ts'
import { byHand, deadAt, manyRows, promoted, requestOf } from '../../gateway/store/records.suite.ts'
import { appendOf } from '../../gateway/store/store.suite.ts'
import type { Store } from '../../gateway/store/store.ts'
import { tempDir } from './gateway.ts'
import { createStore, skipOf } from './stores.ts'

const skip = skipOf('postgres')

/** Everything that one of the stores could keep in its own way. */
async function fill(store: Store): Promise<void> {
  const payloads = [
    '{"b": 2, "a" :1,"a":3}',
    '"\\ud800\\u0000\\/"',
    '1e400',
    '-0.0',
    '"\uffff \uffff0 \ufeff"',
    '"ä€😀\\n"',
  ]
  await store.append(appendOf('events', payloads, { epoch: 3, receivedAt: 1_700_000_000_999_999 }))
  await store.append(
    appendOf('schlüssel 😀', ['1', '{\0bad', '3'], { tenant: 't', dead: { 1: 'bad_event' }, last: true }),
  )
  await store.append(appendOf('late', ['1'], { receivedAt: -1 }))
  await store.append(appendOf('late', ['2'], { receivedAt: Number.MAX_SAFE_INTEGER }))
  const rows: RowByHand[] = [
    {
      table: 'otlp_logs',
      row: {
        time_unix_nano: 2n ** 63n,
        observed_time_unix_nano: 2n ** 63n - 1n,
        body: 'NUL \0, \uffff, \uffff0 and \\N\t\r\n\\.',
        service_name: '',
        severity_number: -(2 ** 31),
        log_attributes: '{"a":3.0,"\uffff" : 9223372036854775807, "a":null}',
        resource_attr_k8s_pod_name: '\0',
      },
    },
    { table: 'otlp_logs', row: { time_unix_nano: 0, observed_time_unix_nano: 2n ** 64n - 1n } },
    { table: 'otlp_metrics_gauge', row: { name: 'nan', double_value: Number.NaN, int_value: -(2n ** 63n) } },
    ...[0.1, 5e-324, 1.7976931348623157e308, -Infinity, -0, 3, 2 ** 53 + 2].map(
      (double_value): RowByHand => ({ table: 'otlp_metrics_sum', row: { double_value, is_monotonic: 1 } }),
    ),
    {
      table: 'otlp_metrics_histogram',
      row: { count: 2n ** 64n - 1n, sum: 1e300, bucket_counts: '[ 18446744073709551615 ]' },
    },
    { table: 'otlp_metrics_exp_histogram', row: { scale: -3, zero_count: 7n, zero_threshold: 2 } },
    { table: 'otlp_metrics_summary', row: { count: 3, quantile_values: '[]' } },
    { table: 'otlp_traces', row: { start_time_unix_nano: 5, trace_id: 'ab'.repeat(16), events_json: '[{}]' } },
  ]
  const dead = { ...deadAt(rows.length, '\xff\x00raw'), message: 'a \0 and a \uffff' }
  await store.append(requestOf('records', byHand(rows, [dead]), { offset: 0, digest: new Uint8Array(16).fill(255) }))
  await store.append(requestOf('many', byHand(manyRows(500))))
  const limits = { events_per_second: 1, bytes_per_second: null, created_at: 7 }
  const token = await store.createToken({ name: 'n', hash: 'ab', scopes: ['read'], tenant: 't', ...limits })
  await store.createToken({ name: 'kept', hash: 'cd', scopes: ['ingest', 'admin'], tenant: '', ...limits })
  await store.revokeToken(String(token.token_id), 8)
  await store.close()
}

function contents(file: string): Record<string, unknown[]> {
  const db = new Database(file, { readonly: true })
  const tables = db
    .prepare("select name from sqlite_schema where type = 'table' order by name")
    .pluck()
    .all() as string[]
  const found = tables
    .filter(name => name !== 'sqlite_sequence')
    .map(name => [name, db.prepare(`select * from ${name}`).safeIntegers().all()])
  db.close()
  return Object.fromEntries(found)
}

test(
  'the file of a Postgres store is what the SQLite store keeps of the same appends, cell by cell',
  { skip },
  async t => {
    const dir = tempDir()
    t.after(() => dir.remove())
    const stores = await Promise.all([createStore('sqlite', dir.path), createStore('postgres', dir.path)])
    t.after(() => Promise.all(stores.map(store => store.drop())))
    for (const { url } of stores) await fill(await openStore(url, { promote: promoted }))
    const [sqlite, postgres] = (await Promise.all(stores.map(store => store.file()))).map(contents)
    assert.deepEqual(Object.keys(postgres!), Object.keys(sqlite!))
    for (const [table, rows] of Object.entries(sqlite!)) assert.deepEqual(postgres![table], rows, table)
    for (const table of ['events', 'streams', 'dead_letters', 'tokens', 'otlp_requests', 'otlp_logs'])
      assert.notEqual(postgres![table]!.length, 0, table)
  },
)

test('a position that Postgres holds twice, in two partitions, cannot be copied', { skip }, async t => {
  const dir = tempDir()
  t.after(() => dir.remove())
  const store = await createStore('postgres', dir.path)
  t.after(() => store.drop())
  const opened = await openStore(store.url)
  await opened.append(appendOf('k', ['1'], { receivedAt: Date.now() * 1000 }))
  await opened.close()
  const client = new pg.Client({ connectionString: store.url, options: '-c search_path=millrace' })
  await client.connect()
  await client.query(
    `insert into events (stream_id, stream_index, received_at, payload) select stream_id, 0, 0, '1' from streams`,
  )
  await client.end()
  await assert.rejects(store.file(), {
    code: 'SQLITE_CONSTRAINT_UNIQUE',
    message: /events.stream_id, events.stream_index/,
  })
})

test('each file is of the moment in which it was asked for', { skip }, async t => {
  const dir = tempDir()
  t.after(() => dir.remove())
  const store = await createStore('postgres', dir.path)
  t.after(() => store.drop())
  const opened = await openStore(store.url)
  const counts: number[] = []
  for (const text of ['1', '2']) {
    await opened.append(appendOf('k', [text]))
    counts.push(contents(await store.file()).events!.length)
  }
  await opened.close()
  assert.deepEqual(counts, [1, 2])
})
