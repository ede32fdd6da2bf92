import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { type TestDatabase, testDatabase } from '../../drivers/clickhouse/harness.suite.ts'
import { nameOf } from '../../runtime/batch/types.ts'
import { drain, made, openSource, readAll } from './harness.suite.ts'

const { skip, at } = service('clickhouse')
const db: TestDatabase = skip ? (undefined as never) : await testDatabase(at.CLICKHOUSE)

const numbers = "SELECT number * 7, concat('row ', toString(number)) FROM numbers(100000)"

test('all rows of a table come once, in pages of its sort key', { skip }, async t => {
  const table = await made(db, 'id UInt64, s String', 'MergeTree ORDER BY id', numbers)
  const { source, rows, pages } = await readAll(t, db, { table_name: table })
  assert.equal(source.bounded, true)
  assert.equal(rows.length, 100_000)
  assert.equal(new Set(rows.map(row => row.id)).size, 100_000)
  assert.ok(pages.length > 2)
  assert.deepEqual(
    rows.find(row => row.id === 70),
    { id: 70, s: 'row 10' },
  )
})

test('from each position the rest follows, and each epoch can be read again', { skip }, async t => {
  const table = await made(db, 'id UInt64, s String', 'MergeTree ORDER BY id', numbers)
  const given = { settings: { record_batch_size: 9_000 } }
  const { source } = await openSource(t, db, { table_name: table }, given)
  const start = await source.start()
  const { pages, rows } = await drain(source, start)
  const positions = [start, ...pages.map(({ position }) => position)]
  assert.ok(positions.length > 10)
  let before = 0
  for (const [at, position] of positions.entries()) {
    before += pages[at - 1]?.rows.length ?? 0
    if (at % 4 === 0) assert.deepEqual((await drain(source, position)).rows, rows.slice(before))
    const to = positions[at + 2]
    if (to === undefined) continue
    const again = await drain(source, position, to)
    assert.deepEqual(again.rows, [...pages[at]!.rows, ...pages[at + 1]!.rows])
    assert.deepEqual(again.pages.at(-1)!.position, to)
  }
  assert.deepEqual((await drain(source, positions.at(-1)!)).pages, [])
})

test('start_at is the first value of the sort key, and columns and filter leave out the rest', { skip }, async t => {
  const table = await made(db, 'id UInt64, s String', 'MergeTree ORDER BY id', numbers)
  const config = { table_name: `${db.name}.${table}`, start_at: 70_000, columns: 's', filter: 'id % 2 = 0 -- even' }
  const { rows } = await readAll(t, db, config)
  assert.equal(rows.length, 45_000)
  assert.deepEqual(rows[0], { s: 'row 10000' })
})

test('a table that replaces gives the newest version of each key, and says which are deleted', { skip }, async t => {
  const table = await made(
    db,
    'id UInt64, s String, v UInt32, gone UInt8',
    'ReplacingMergeTree(v, gone) ORDER BY id',
    "VALUES (1, 'old', 1, 0), (2, 'kept', 5, 0), (3, 'there', 1, 0)",
    "VALUES (1, 'new', 2, 0), (2, 'late', 4, 0), (3, '', 2, 1)",
    "VALUES (4, 'first', 1, 0)",
    "VALUES (4, 'last of the same version', 1, 0)",
  )
  const { source, rows } = await readAll(t, db, { table_name: table, columns: 'id, s' })
  assert.deepEqual(source.primaryKey, ['id'])
  assert.deepEqual(rows, [
    { id: 1, s: 'new', _gs_op: 'i' },
    { id: 2, s: 'kept', _gs_op: 'i' },
    { id: 3, s: '', _gs_op: 'd' },
    { id: 4, s: 'last of the same version', _gs_op: 'i' },
  ])
  // what an older version says does not bring it back
  const filtered = await readAll(t, db, { table_name: table, columns: 's', filter: "s = 'old' OR s = 'kept'" })
  assert.deepEqual(filtered.rows, [{ s: 'kept', _gs_op: 'i' }])
})

test('a key of more rows than a page is read in the order of a hash', { skip }, async t => {
  const table = await made(
    db,
    'day Date, n UInt32',
    'MergeTree ORDER BY day',
    "SELECT '2024-01-01', number FROM numbers(20000)",
    "SELECT '2024-01-02', number % 3 FROM numbers(20000)",
    "SELECT '2024-01-03', number FROM numbers(10)",
  )
  const { source } = await openSource(t, db, { table_name: table }, { settings: { record_batch_size: 1500 } })
  const start = await source.start()
  const { rows, pages } = await drain(source, start)
  assert.equal(rows.length, 40_010)
  const sum = (some: typeof rows) => some.reduce((total, row) => total + Number(row.n), 0)
  assert.equal(sum(rows), (20_000 * 19_999) / 2 + 19_999 + 45)
  assert.ok(pages.length > 10)
  const middle = pages[5]!.position
  assert.match(JSON.stringify(middle), /"hash"/)
  const [before, after] = [await drain(source, start, middle), await drain(source, middle)]
  assert.equal(before.rows.length + after.rows.length, 40_010)
  assert.equal(sum(before.rows) + sum(after.rows), sum(rows))
})

test('pages of a numeric key are no wider than sort_key_range, and gaps cost nothing', { skip }, async t => {
  const table = await made(
    db,
    'id Int64',
    'MergeTree ORDER BY id',
    'SELECT number - 500 FROM numbers(1000)',
    'SELECT 1000000000000 + number FROM numbers(10)',
  )
  const { rows, pages } = await readAll(t, db, { table_name: table }, { source: { block_range: 100 } })
  assert.equal(rows.length, 1010)
  assert.equal(pages.length, 11)
})

test('rows that come after the source was opened are read by the next run', { skip }, async t => {
  const table = await made(db, 'id UInt64', 'MergeTree ORDER BY id', 'SELECT number FROM numbers(10)')
  const { source } = await openSource(t, db, { table_name: table })
  await db.run(`INSERT INTO ${table} VALUES (100)`)
  const { rows, pages } = await drain(source, await source.start())
  assert.equal(rows.length, 10)
  const { source: next } = await openSource(t, db, { table_name: table })
  assert.deepEqual((await drain(next, pages.at(-1)!.position)).rows, [{ id: 100 }])
})

test('an empty table has no rows, and its columns all the same', { skip }, async t => {
  const table = await made(db, 'id UInt64, at DateTime', 'MergeTree ORDER BY (id, at)')
  const { source, pages } = await readAll(t, db, { table_name: table })
  assert.deepEqual(pages, [])
  assert.deepEqual(
    source.schema.fields.map(({ name, type }) => `${name} ${nameOf(type)}`),
    ['id uint64', 'at timestamp(s, UTC)'],
  )
})

test('text that is none becomes a dead letter', { skip }, async t => {
  const table = await made(
    db,
    'id UInt64, s String',
    'MergeTree ORDER BY id',
    "VALUES (1, 'ä'), (2, unhex('ff')), (3, '')",
  )
  const { context, rows } = await readAll(t, db, { table_name: table })
  assert.deepEqual(rows, [
    { id: 1, s: 'ä' },
    { id: 3, s: '' },
  ])
  assert.equal(context.deadRows.length, 1)
  assert.match(context.deadRows[0]!.message, /column "s" is not UTF-8 text/)
})

test('large rows make smaller pages', { skip }, async t => {
  const table = await made(
    db,
    'id UInt64, s String',
    'MergeTree ORDER BY id',
    "SELECT number, repeat('x', 100000) FROM numbers(1500)",
  )
  const { source } = await openSource(t, db, { table_name: table })
  const reader = source.read(await source.start())
  let rows = 0
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
    rows += next.batch.numRows
    assert.ok(next.batch.numRows < 800, `${next.batch.numRows} rows of 100 kB`)
  }
  assert.equal(rows, 1500)
})
