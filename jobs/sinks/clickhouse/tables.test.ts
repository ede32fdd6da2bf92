import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { batchOf, contextFor, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { clickhouse } from './clickhouse.ts'
import { openSink } from './harness.suite.ts'

/** Tables that are there before the sink is, and columns that come up later. */

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
const types: Types = { id: 'int64', name: 'utf8' }
const log = 'is_deleted UInt8, insert_time DateTime64(3)) ENGINE = MergeTree ORDER BY id'
const window = 'SETTINGS non_replicated_deduplication_window = 100'
let tables = 0

async function made(sql: string): Promise<string> {
  const table = `t${++tables}`
  await db.run(`CREATE TABLE ${table} ${sql}`)
  return table
}

async function store(
  t: TestContext,
  table: string,
  rows: readonly Row[],
  { columns = types, ...config }: { columns?: Types; [key: string]: unknown } = {},
  epoch = 1,
) {
  const { sink, context } = await openSink(t, db.server, { table, primary_key: 'id', ...config }, streamOf(columns), {
    name: table,
  })
  await sink.begin()
  await sink.write(batchOf(columns, rows), epoch)
  await sink.commit(checkpoint(epoch))
  await sink.close()
  return context
}

const connect = (config: object, columns = types, context = contextFor(db.server)) =>
  clickhouse.connect!(
    clickhouse.config.parse({ from: 'rows', primary_key: 'id', ...config }),
    streamOf(columns),
    context,
  )

test("a user's table is used as it is: other engines' arguments, defaults, other columns", { skip }, async t => {
  const table = await made(
    `(id Int64, name LowCardinality(String), at DateTime DEFAULT now(), v UInt64, gone UInt8, twice Int64 MATERIALIZED id * 2) ENGINE = ReplacingMergeTree(v, gone) ORDER BY id ${window}`,
  )
  const context = await store(t, table, [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
    { id: 2, _gs_op: 'd' },
    { id: 3, name: null },
  ])
  const rows = await db.rows(
    `SELECT id, name, gone, v > 1700000000000000 AS v, at > '2020-01-01' AS at, twice FROM ${table} FINAL ORDER BY id`,
  )
  assert.deepEqual(rows, [{ id: '1', name: 'a', gone: 0, v: 1, at: 1, twice: '2' }])
  assert.deepEqual(
    context.deadRows.map(({ code, message }) => [code, message]),
    [['bad_row', 'column "name" is null, and the table wants a value there']],
  )
})

test('a row whose key is null becomes a dead letter, and the others are stored', { skip }, async t => {
  const table = `t${++tables}`
  const context = await store(t, table, [{ id: null, name: 'x' }, { id: 1 }])
  assert.deepEqual(await db.rows(`SELECT id, name FROM ${table}`), [{ id: '1', name: null }])
  assert.deepEqual(context.deadRows, [
    { code: 'bad_row', message: 'column "id" of the primary key is null', row: { id: null, name: 'x', _gs_op: 'i' } },
  ])
})

test('new columns are added, and rows that were there have no value in them', { skip }, async t => {
  const table = `t${++tables}`
  await store(t, table, [{ id: 1, name: 'a' }])
  const columns = { ...types, size: 'float64', tags: 'list<utf8>' }
  await connect({ table }, columns)
  await store(t, table, [{ id: 2, name: 'b', size: 1.5, tags: ['x'] }], { columns }, 2)
  assert.deepEqual(await db.rows(`SELECT id, size, tags FROM ${table} ORDER BY id`), [
    { id: '1', size: null, tags: [] },
    { id: '2', size: 1.5, tags: ['x'] },
  ])
  // a column that is gone has no value any more
  await store(t, table, [{ id: 3 }], { columns: { id: 'int64' } }, 3)
  const refusal = { code: 'bad_pipeline', message: /has no column "more", and schema_drift is fail/ }
  await assert.rejects(connect({ table, schema_drift: 'fail' }, { ...columns, more: 'utf8' }), refusal)
})

for (const [what, sql, config, message] of [
  [
    'a table without a window',
    `(id Int64, name Nullable(String), ${log}`,
    {},
    /has no deduplication window.*MODIFY SETTING non_replicated_deduplication_window = 10000, or set guarantee: at_least_once/,
  ],
  [
    'a table without is_deleted',
    `(id Int64, name Nullable(String)) ENGINE = MergeTree ORDER BY id ${window}`,
    {},
    /has no such column: ALTER TABLE .* ADD COLUMN is_deleted UInt8, or set append_only_mode: false/,
  ],
  [
    'an engine that is no MergeTree',
    '(id Int64, name String, is_deleted UInt8) ENGINE = Memory',
    { guarantee: 'at_least_once' },
    /is of the engine Memory: name a table of the MergeTree family/,
  ],
  [
    'a column that the table computes',
    `(id Int64, name String MATERIALIZED 'x', ${log} ${window}`,
    {},
    /column "name" is computed by table/,
  ],
  [
    'a table without the key',
    `(key Int64, name String, ${log.replace('id', 'key')} ${window}`,
    { schema_drift: 'fail' },
    /has no column "id"/,
  ],
] as const)
  test(`${what} is refused, by check --connect and by the run`, { skip }, async t => {
    const table = await made(sql)
    await assert.rejects(connect({ table, ...config }), { message })
    await assert.rejects(store(t, table, [{ id: 1 }], config), { code: 'bad_pipeline', message })
  })

test('check --connect names all that is missing at once, and changes nothing', { skip }, async t => {
  const table = await made('(id Int64) ENGINE = MergeTree ORDER BY id')
  await assert.rejects(connect({ table, schema_drift: 'fail' }), (error: unknown) => {
    assert.ok(error instanceof AggregateError)
    assert.equal(error.errors.length, 3)
    return true
  })
  await connect({ table: 'not_there_yet' })
  await assert.rejects(connect({ table: 'nowhere.t' }), {
    message: /there is no database nowhere: CREATE DATABASE nowhere/,
  })
  assert.deepEqual(
    await db.rows(`SELECT name FROM system.tables WHERE database = '${db.name}' AND name LIKE 'not%'`),
    [],
  )
  const away = contextFor({ ...db.server, url: 'http://127.0.0.1:1' })
  await assert.rejects(connect({ table }, types, away), { code: 'unavailable', message: /connection refused/ })
  void t
})

test('at_least_once needs no window', { skip }, async t => {
  const table = await made(`(id Int64, name Nullable(String), ${log}`)
  const context = await store(t, table, [{ id: 1 }, { id: 1, _gs_op: 'u' }], { guarantee: 'at_least_once' })
  assert.deepEqual(await db.rows(`SELECT count() AS n FROM ${table}`), [{ n: '2' }])
  assert.match(context.warnings.join(), /is a MergeTree, which keeps every row/)
})

test('a sink goes on in its table alone, and not in one of the same name', { skip }, async t => {
  const table = `t${++tables}`
  await store(t, table, [{ id: 1 }])
  const other = await openSink(t, db.server, { table: 'elsewhere', primary_key: 'id' }, streamOf(types), {
    name: table,
  })
  await assert.rejects(other.sink.begin(), {
    code: 'state',
    message: /was published to table test_\w+\.t\d+, and its configuration now says/,
  })
  await db.run(`DROP TABLE ${table}`)
  const { sink } = await openSink(t, db.server, { table, primary_key: 'id' }, streamOf(types), { name: table })
  await assert.rejects(sink.begin(), { code: 'state', message: /is gone, and rows were published to it/ })
  await sink.reset()
  assert.equal(await sink.begin(), undefined)
  await sink.write(batchOf(types, [{ id: 1 }]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(await db.rows(`SELECT count() AS n FROM ${table}`), [{ n: '1' }])
})

test('an insert that the server refuses ends the run, and the epoch may come without the row', { skip }, async t => {
  const table = await made(`(id Int64, name String, CONSTRAINT short CHECK length(name) < 4, ${log} ${window}`)
  await assert.rejects(
    store(t, table, [
      { id: 1, name: 'few' },
      { id: 2, name: 'many' },
    ]),
    {
      code: 'bad_data',
      message:
        /^publish 2 rows in table test_\w+\.t\d+: clickhouse [\w.:]+: Constraint `short` .*is violated.*\(code 469, VIOLATED_CONSTRAINT\)$/,
    },
  )
  await store(t, table, [{ id: 1, name: 'few' }])
  assert.deepEqual(await db.rows(`SELECT id, name FROM ${table}`), [{ id: '1', name: 'few' }])
})

test('more partitions than one insert may have is an error that says what to do', { skip }, async t => {
  const table = await made(`(id Int64, name Nullable(String), ${log} PARTITION BY id ${window}`)
  const rows = Array.from({ length: 120 }, (_, id) => ({ id }))
  await assert.rejects(store(t, table, rows), { code: 'refused', message: /partition the table more coarsely/ })
})

for (const [what, config, columns, message] of [
  ['no primary_key', { primary_key: [] }, types, /needs a primary_key/],
  ['a key that is not there', { primary_key: 'nme' }, types, /there is no column "nme": the rows have "id", "name"/],
  ['a version that is not there', { version_column_name: 'v' }, types, /there is no column "v"/],
  [
    'a key that is left out',
    { schema_override: { id: null } },
    types,
    /column "id" is of the primary key or the version, and cannot be left out/,
  ],
  ['a list as key', { primary_key: 'l' }, { l: 'list<utf8>' }, /is list<utf8>, which cannot be of a key/],
  [
    'a column of the mode',
    {},
    { ...types, is_deleted: 'int64' },
    /a column is_deleted, which append_only_mode writes itself/,
  ],
] as const)
  test(`${what} is refused without a server`, async () => {
    const parsed = clickhouse.config.parse({ from: 'rows', table: 't', primary_key: 'id', ...config })
    await assert.rejects(clickhouse.check(parsed, streamOf(columns), contextFor({ ...serverNowhere })), {
      code: 'bad_pipeline',
      message,
    })
  })

const serverNowhere = { url: 'http://127.0.0.1:1', user: 'default', password: '', database: 'default' }
