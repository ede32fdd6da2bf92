import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { contextFor, type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { retrying } from '../../runtime/harness/context.suite.ts'
import { drain, made, openSource, readAll } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)
const byId = 'MergeTree ORDER BY id'

for (const [what, columns, engine, config, message] of [
  [
    'a table without a sort key',
    'id UInt64',
    'MergeTree ORDER BY tuple()',
    {},
    /has no sort key .*order it by some columns/,
  ],
  ['an engine without an order', 'id UInt64', 'Memory', {}, /is of the engine Memory, which has no order/],
  [
    'a key with nulls',
    'id Nullable(UInt64)',
    'MergeTree ORDER BY id SETTINGS allow_nullable_key = 1',
    {},
    /a key with nulls cannot be read in pages/,
  ],
  [
    'a key with floats within another value',
    'id Array(Float64)',
    byId,
    {},
    /is ordered by id, which is Array\(Float64\): floats within others/,
  ],
  ['a column that is not there', 'id UInt64', byId, { columns: 'id, nme' }, /there is no column "nme": there are id/],
  ['a column that is named twice', 'id UInt64', byId, { columns: 'id, id' }, /the column id is named twice/],
  [
    'a state of an aggregate',
    'id UInt64, s AggregateFunction(sum, UInt64)',
    byId,
    {},
    /"s": .*is a state without a value/,
  ],
  ['a filter that is no SQL', 'id UInt64', byId, { filter: 'id ==== 1' }, /^filter: .*Syntax error/],
  ['a filter of a column that is not there', 'id UInt64', byId, { filter: 'nme = 1' }, /^filter: .*nme/],
] as const)
  test(`${what} is refused`, { skip }, async t => {
    const table = await made(db, columns, engine)
    await assert.rejects(openSource(t, db, { table_name: table, ...config }), { code: 'bad_pipeline', message })
  })

test('rows whose key is NaN are refused, and others are read where a filter leaves them out', { skip }, async t => {
  const values = ['nan', '1', 'inf', '-inf', 'nan', '2.5', '0']
  const sql = `VALUES ${values.map((value, at) => `(${at % 2}, ${value}, '${value}')`).join(', ')}`
  for (const order of ['f', '(a, f)', '(f, a)']) {
    const table = await made(db, 'a UInt8, f Float64, v String', `MergeTree ORDER BY ${order}`, sql)
    await assert.rejects(openSource(t, db, { table_name: table }), {
      code: 'bad_pipeline',
      message: /has rows whose sort key is NaN, .*leave them out with a filter such as NOT isNaN\(f\)/,
    })
    const config = { table_name: table, columns: 'v', filter: 'NOT isNaN(f)' }
    for (const record_batch_size of [1, 2, 100]) {
      const { rows } = await readAll(t, db, config, { settings: { record_batch_size } })
      assert.deepEqual(rows.map(({ v }) => v).sort(), ['-inf', '0', '1', '2.5', 'inf'])
    }
  }
})

test('a table that is not there is refused, and a server that is not there is waited for', { skip }, async t => {
  await assert.rejects(openSource(t, db, { table_name: 'nowhere' }), { message: /there is no table test_\w+\.nowhere/ })
  const away = { ...db, server: { ...db.server, url: 'http://127.0.0.1:1' } }
  await assert.rejects(openSource(t, away, { table_name: 't' }), { code: 'unavailable', message: /connection refused/ })
})

test('names and filters that look like SQL stay within their page', { skip }, async t => {
  const columns = '`a"; DROP TABLE x; --` Int64, `select` String, `täg``\\\\` String'
  const table = await made(
    db,
    columns,
    'MergeTree ORDER BY (`select`, `a"; DROP TABLE x; --`)',
    "SELECT number, concat('\\'', toString(number % 7), '\\\\'), 'x' FROM numbers(3000)",
  )
  const config = { table_name: table, filter: '1 = 1) OR (1 = 1' }
  const { rows } = await readAll(t, db, config, { settings: { record_batch_size: 200 } })
  assert.equal(rows.length, 3000)
  assert.equal(new Set(rows.map(row => row['a"; DROP TABLE x; --'])).size, 3000)
})

test('a position of another table, or that does not fit the key, is an error and not a gap', { skip }, async t => {
  const table = await made(db, 'a UInt64, b UInt64', 'MergeTree ORDER BY (a, b)', 'VALUES (1, 1)')
  const { source } = await openSource(t, db, { table_name: table })
  for (const [position, message] of [
    [{ other: {} }, /a position of other, and none of the table/],
    [{ [table]: { after: ['1'] } }, /does not fit its sort key of 2 parts/],
    [{ [table]: { in: ['1', '1'], hash: '1) OR (1' } }, /does not fit/],
    [{ [table]: 5 }, /does not fit/],
  ] as const)
    assert.throws(() => source.read(position as never), { code: 'state', message })
})

test('a table that was made anew is not read on, and positions without an id are', { skip }, async t => {
  const table = await made(db, 'id UInt64', byId, 'VALUES (1), (2)')
  const { source, pages } = await readAll(t, db, { table_name: table })
  const [start, last] = [await source.start(), pages.at(-1)!.position]
  const { id, ...old } = last[table] as { id: string }
  assert.match(id, /^[\da-f-]{36}$/)
  assert.deepEqual(old, { after: ['2'] })
  assert.deepEqual((await drain(source, start, { [table]: old })).pages.at(-1)!.position, { [table]: old })
  await db.run(`DROP TABLE ${table} SYNC`)
  await db.run(`CREATE TABLE ${table} (id UInt64) ENGINE = ${byId}`)
  await db.run(`INSERT INTO ${table} VALUES (1), (3)`)
  const { source: anew } = await openSource(t, db, { table_name: table })
  for (const position of [start, last])
    assert.throws(() => anew.read(position), {
      code: 'state',
      message: /was dropped and made again, or exchanged \(its uuid was .* Reset the pipeline/,
    })
  assert.deepEqual((await drain(anew, { [table]: old })).rows, [{ id: 3 }])
})

test('answers that are cut anywhere are asked for again', { skip }, async t => {
  const table = await made(db, 'id UInt64, s String', byId, "SELECT number, repeat('x', 50) FROM numbers(30000)")
  const proxy = await openTcpProxy(new URL(db.server.url).host)
  t.after(() => proxy.close())
  const server = { ...db.server, url: `http://127.0.0.1:${proxy.port}` }
  let retries = 0
  const context = {
    ...contextFor(server, { settings: { record_batch_size: 4000 } }),
    retry: retrying({ tries: 5, pause: async () => {}, onRetry: () => void retries++ }),
  }
  const { source } = await openSource(t, db, { table_name: table }, { context })
  const reader = source.read(await source.start())
  let rows = 0
  for (let page = 0; ; page++) {
    const next = await reader.next()
    if (next === undefined) break
    rows += next.batch.numRows
    // somewhere in the page after next
    proxy.cutAnswerAfter(20_000 + page * 37_123)
  }
  await reader.close()
  assert.equal(rows, 30_000)
  assert.ok(retries > 3, `${retries} cuts`)
})

test('a page that takes too long is tried with fewer rows', { skip }, async t => {
  const table = await made(db, 'id UInt64', byId, 'SELECT number FROM numbers(1500)')
  let retries = 0
  const context = {
    ...contextFor(db.server, { source: { query_timeout_sec: 1 } }),
    retry: retrying({ tries: 9, pause: async () => {}, onRetry: () => void retries++ }),
  }
  const config = { table_name: table, filter: 'sleepEachRow(0.001) = 0' }
  const { rows } = await readAll(t, db, config, { context })
  assert.equal(rows.length, 1500)
  assert.ok(retries > 0)
})

test('a reader that is closed ends, also in the middle of a page', { skip }, async t => {
  const table = await made(db, 'id UInt64', byId, 'SELECT number FROM numbers(1000)')
  const { source } = await openSource(t, db, { table_name: table, filter: 'sleepEachRow(0.002) = 0' })
  const reader = source.read(await source.start())
  const next = reader.next()
  await reader.close()
  assert.equal(await next, undefined)
})
