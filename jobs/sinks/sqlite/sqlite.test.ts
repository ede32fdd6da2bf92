import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { batchOf, checkSink, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqlite } from './sqlite.ts'

const types = { id: 'int64', name: 'utf8', version: 'int64' }

/** Each list of rows as an epoch; gives what the table has then. */
async function store(t: TestContext, config: object, epochs: readonly (readonly Row[])[], columns = types) {
  const path = join(tempFolder(t), 'out.db')
  const { sink, context } = await openSink(t, sqlite, { path, table: 't', ...config }, streamOf(columns))
  await sink.begin()
  for (const [at, rows] of epochs.entries()) {
    await sink.write(batchOf(columns, rows), at + 1)
    await sink.commit(checkpoint(at + 1))
  }
  return { path, rows: query(path, 'select * from t'), warnings: context.warnings, dead: context.deadRows }
}

test('rows of one key replace each other, and deletes remove them', async t => {
  const { rows } = await store(t, { primary_key: 'id' }, [
    [
      { id: 1, name: 'a', version: 1 },
      { id: 2, name: 'b', version: 1 },
    ],
    [
      { id: 1, name: 'A', version: 2, _gs_op: 'u' },
      { id: 2, _gs_op: 'd' },
      { id: 3, name: 'c', version: 1 },
    ],
  ])
  assert.deepEqual(rows, [
    { id: 1, name: 'A', version: 2 },
    { id: 3, name: 'c', version: 1 },
  ])
})

test('the key is that of the rows where the sink names none', async t => {
  const path = join(tempFolder(t), 'out.db')
  const { sink } = await openSink(t, sqlite, { path, table: 't' }, streamOf(types, ['id']))
  await sink.begin()
  await sink.write(batchOf(types, [{ id: 1 }, { id: 1, name: 'last' }]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(query(path, 'select * from t'), [{ id: 1, name: 'last', version: null }])
})

test('on_conflict: nothing keeps the first row of a key', async t => {
  const { rows } = await store(t, { primary_key: 'id', on_conflict: 'nothing' }, [
    [
      { id: 1, name: 'first' },
      { id: 1, name: 'second' },
    ],
    [{ id: 1, name: 'third' }],
  ])
  assert.deepEqual(rows, [{ id: 1, name: 'first', version: null }])
})

test('update_where keeps the row whose columns compare so, within an epoch and between them', async t => {
  const { rows } = await store(t, { primary_key: 'id', update_where: { version: '>' } }, [
    [
      { id: 1, name: 'five', version: 5 },
      { id: 1, name: 'three', version: 3 },
    ],
    [
      { id: 1, name: 'five again', version: 5 },
      { id: 2, name: 'one', version: 1 },
    ],
    [{ id: 2, name: 'two', version: 2 }],
  ])
  assert.deepEqual(rows, [
    { id: 1, name: 'five', version: 5 },
    { id: 2, name: 'two', version: 2 },
  ])
})

test('without a key every row is inserted, deletes are left out, and both is said once', async t => {
  const context = watched()
  const path = join(tempFolder(t), 'never.db')
  await checkSink(sqlite, { path, table: 't' }, streamOf(types), context)
  assert.match(context.warnings.join(), /no primary_key: every row is inserted, updates too, and deletes are left out/)
  const { rows, warnings } = await store(t, {}, [
    [{ id: 1 }, { id: 1, _gs_op: 'u' }, { id: 1, _gs_op: 'd' }],
    [{ id: 1, _gs_op: 'd' }],
  ])
  assert.equal(rows.length, 2)
  assert.deepEqual(warnings.filter(text => text.includes('deletes are left out')).length, 1)
})

test('a row whose key is null becomes a dead letter, and the others are stored', async t => {
  const { rows, dead } = await store(t, { primary_key: 'id' }, [[{ id: null, name: 'x' }, { id: 1 }]])
  assert.deepEqual(rows, [{ id: 1, name: null, version: null }])
  assert.deepEqual(dead, [
    {
      code: 'bad_row',
      message: 'column "id" of the primary key is null',
      row: { id: null, name: 'x', version: null, _gs_op: 'i' },
    },
  ])
})

test('a table whose columns are all key takes rows and deletes', async t => {
  const { rows } = await store(
    t,
    { primary_key: 'a, b' },
    [
      [
        { a: 1, b: 'x' },
        { a: 1, b: 'x' },
        { a: 1, b: 'y' },
        { a: 1, b: 'x', _gs_op: 'd' },
      ],
    ],
    { a: 'int64', b: 'utf8' } as never,
  )
  assert.deepEqual(rows, [{ a: 1, b: 'y' }])
})

test('names and values that look like SQL are names and values', async t => {
  const path = join(tempFolder(t), `it's "odd".db`)
  const columns = {
    'a"; drop table t; --': 'int64',
    "b'": 'utf8',
    select: 'utf8',
    seq: 'int64',
    op: 'utf8',
    c0: 'utf8',
    'täg\n': 'utf8',
  }
  const row = {
    'a"; drop table t; --': 1,
    "b'": `'); delete from t; --`,
    select: 'from',
    seq: 7,
    op: 'd',
    c0: '\u0000nul',
    'täg\n': '🎈',
  }
  const config = { path, table: 'order "by"', primary_key: ['a"; drop table t; --'], update_where: { seq: '>=' } }
  await checkSink(sqlite, config, streamOf(columns))
  const { sink } = await openSink(t, sqlite, config, streamOf(columns))
  await sink.begin()
  await sink.write(batchOf(columns, [row, { ...row, _gs_op: 'd' }, row, row]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(query(path, 'select * from "order ""by"""'), [row])
})

test('more rows than fit in memory are staged and published at once', async t => {
  const path = join(tempFolder(t), 'out.db')
  const { sink } = await openSink(t, sqlite, { path, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  const long = 'x'.repeat(10_000)
  for (let batch = 0; batch < 6; batch++)
    await sink.write(
      batchOf(
        types,
        Array.from({ length: 1000 }, (_, at) => ({ id: batch * 1000 + at, name: long })),
      ),
      1,
    )
  assert.deepEqual(query(path, 'select count(*) as n from t'), [{ n: 0 }])
  await sink.commit(checkpoint(1))
  assert.deepEqual(query(path, 'select count(*) as n, sum(length(name)) as size from t'), [
    { n: 6000, size: 60_000_000 },
  ])
})

test('sinks of one pipeline share a file, also while one of them is staging', async t => {
  const path = join(tempFolder(t), 'out.db')
  const names = ['a', 'b', 'c']
  const sinks = await Promise.all(
    names.map(name =>
      openSink(t, sqlite, { path, table: name, primary_key: 'id' }, streamOf(types), watched({ name })),
    ),
  )
  await Promise.all(sinks.map(({ sink }) => sink.begin()))
  const rows = Array.from({ length: 9000 }, (_, id) => ({ id, name: 'x' }))
  await Promise.all(sinks.map(({ sink }) => sink.write(batchOf(types, rows), 1)))
  await sinks[0]!.sink.commit(checkpoint(1))
  await sinks[0]!.sink.close()
  await Promise.all(sinks.slice(1).map(({ sink }) => sink.commit(checkpoint(1))))
  for (const name of names) assert.deepEqual(query(path, `select count(*) as n from ${name}`), [{ n: 9000 }])
})

test('keys are strict: one that is not known is an error', () => {
  assert.ok(!sqlite.config.safeParse({ from: 'a', path: 'x.db', table: 't', colour: 'red' }).success)
  assert.ok(!sqlite.config.safeParse({ from: 'a', path: 'x.db', table: 't', on_conflict: 'ignore' }).success)
  assert.ok(!sqlite.config.safeParse({ from: 'a', path: 'x.db', table: 't', update_where: { a: '=' } }).success)
  assert.ok(
    sqlite.config.safeParse({
      from: 'a',
      path: 'x.db',
      table: 't',
      batch_size: 1,
      batch_flush_interval: '1s',
      parallelism: 2,
    }).success,
  )
})
