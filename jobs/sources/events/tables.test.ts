import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { schemaVersion as gatewayVersion } from '../../../gateway/store/sqlite/database.ts'
import { jsonLines } from '../../runtime/batch/rows.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { append, openFor, readAll, storeOf } from './harness.suite.ts'
import { applicationId, schemaVersion } from './store.ts'
import { tableNames, tableOf } from './tables.ts'

const bounded = { mode: { type: 'bounded' } }

test('the files that this reads are those that the gateway of this version writes', async t => {
  const path = join(tempFolder(t), 'a.db')
  await storeOf(t, path)
  const db = new Database(path, { readonly: true })
  assert.equal(schemaVersion, gatewayVersion)
  assert.equal(db.pragma('application_id', { simple: true }), applicationId)
  for (const name of tableNames) {
    const stored = db.prepare('select name from pragma_table_info(?)').pluck().all(name) as string[]
    const { id, columns } = tableOf(name, stored)
    const own = columns.filter(column => !column.ofStream).map(column => column.name)
    assert.ok(own.includes(id))
    // events and dead letters name their stream by its key alone
    const hidden = ['events', 'dead_letters'].includes(name) ? ['stream_id'] : []
    assert.deepEqual([...own, ...hidden].sort(), [...stored].sort(), name)
  }
  db.close()
})

test('every value of an OpenTelemetry table is exact: unsigned 64 bits, NaN, infinities, nulls, promoted columns', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await storeOf(t, path, { promote: ['host.name'] })
  await append(store, 'k', ['1'])
  const db = new Database(path)
  const insert = db.prepare(
    `insert into otlp_metrics_histogram (stream_id, stream_index, tenant, received_at, time_unix_nano, count, sum, min, max,
       aggregation_temporality, bucket_counts, resource_attr_host_name, name)
     values (1, ?, '', 1700000000000001, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  insert.run(0, '18446744073709551615', 9007199254740993n, 'NaN', -Infinity, 0.1, 2, '[1,2]', 'a\u0000ü', 'n')
  insert.run(1, 9223372036854775807n, 0, 5e-324, 1.7976931348623157e308, Infinity, null, null, null, '')
  insert.run(2, null, null, null, null, null, -7, null, null, null)
  db.close()
  const columns =
    'record_id,stream_key,received_at,time_unix_nano,count,sum,min,max,aggregation_temporality,bucket_counts,resource_attr_host_name,name'
  const source = await openFor(t, { store: `sqlite:${path}`, table: 'otlp_metrics_histogram', columns, ...bounded })
  assert.deepEqual(
    source.schema.fields.slice(3, 7).map(field => nameOf(field.type)),
    ['uint64', 'uint64', 'float64', 'float64'],
  )
  const reader = source.read(await source.start())
  const { batch, position } = (await reader.next())!
  await reader.close()
  const value = (name: string, row: number) => batch.getChild(name)!.get(row)
  assert.deepEqual(
    [0, 1, 2].map(row => value('time_unix_nano', row)),
    [2n ** 64n - 1n, 2n ** 63n - 1n, null],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('count', row)),
    [9007199254740993n, 0n, null],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('sum', row)),
    [Number.NaN, 5e-324, null],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('min', row)),
    [-Infinity, Number.MAX_VALUE, null],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('max', row)),
    [0.1, Infinity, null],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('aggregation_temporality', row)),
    [2n, null, -7n],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('resource_attr_host_name', row)),
    ['a\u0000ü', null, null],
  )
  assert.deepEqual(
    [0, 1, 2].map(row => value('name', row)),
    ['n', '', null],
  )
  assert.deepEqual(position, { otlp_metrics_histogram: { position: 3, received_at: 1700000000000001 } })
  assert.match(jsonLines(batch)[0]!, /"received_at":"2023-11-14T22:13:20.000001Z"/)
})

test('is_monotonic is a boolean', async t => {
  const path = join(tempFolder(t), 'a.db')
  await append(await storeOf(t, path), 'k', ['1'])
  const db = new Database(path)
  const insert = db.prepare(
    "insert into otlp_metrics_sum (stream_id, stream_index, tenant, received_at, is_monotonic) values (1, ?, '', 1, ?)",
  )
  for (const [index, flag] of [1, 0, null, 1, 1, 0, 0, 0, 0, 1].entries()) insert.run(index, flag)
  db.close()
  const source = await openFor(t, {
    store: `sqlite:${path}`,
    table: 'otlp_metrics_sum',
    columns: 'is_monotonic',
    ...bounded,
  })
  assert.deepEqual(
    (await readAll(source)).rows.map(row => row.is_monotonic),
    [true, false, null, true, true, false, false, false, false, true],
  )
})

test('nulls of one page are not seen in the next one', async t => {
  const path = join(tempFolder(t), 'a.db')
  await append(await storeOf(t, path), 'k', ['1'])
  const db = new Database(path)
  const insert = db.prepare(
    "insert into otlp_logs (stream_id, stream_index, tenant, received_at, body) values (1, ?, '', 1, ?)",
  )
  const bodies = Array.from({ length: 40 }, (_, i) => (i % 3 === 0 && i < 20 ? null : `b${i}`))
  for (const [index, body] of bodies.entries()) insert.run(index, body)
  db.close()
  const config = { store: `sqlite:${path}`, table: 'otlp_logs', columns: 'body', ...bounded }
  const source = await openFor(t, config, { settings: { record_batch_size: 10 } })
  assert.deepEqual(
    (await readAll(source)).rows.map(row => row.body),
    bodies,
  )
})

test('dead letters can be followed, with their raw bytes', async t => {
  const path = join(tempFolder(t), 'a.db')
  const store = await storeOf(t, path)
  await append(store, 'k', ['1'])
  const db = new Database(path)
  db.prepare(
    `insert into dead_letters (stream_id, stream_index, received_at, code, message, size, raw)
     values (1, 1, 1, 'bad_json', 'no value', 3, x'00ff0a')`,
  ).run()
  db.close()
  const source = await openFor(t, { store: `sqlite:${path}`, table: 'dead_letters', ...bounded })
  assert.deepEqual((await readAll(source)).rows, [
    {
      dead_letter_id: 1,
      stream_key: 'k',
      stream_index: 1,
      tenant: '',
      received_at: '1970-01-01T00:00:00.000001Z',
      code: 'bad_json',
      message: 'no value',
      size: 3,
      raw: 'AP8K',
      kind: 'event',
    },
  ])
})
