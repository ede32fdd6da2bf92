import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'
import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOfUrl } from '../../drivers/postgres/keys.ts'
import { open, query, tempSchema, watchedAt } from '../../drivers/postgres-sink/harness.suite.ts'
import { batchOf, checkSink } from '../../drivers/sqlite-sink/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgres } from './postgres.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES
const types = { id: 'int64', name: 'utf8', version: 'int64' }

/** Each list of rows as an epoch; gives what the table has then. */
async function store(t: TestContext, config: object, epochs: readonly (readonly Row[])[], columns: object = types) {
  const schema = tempSchema(t, url)
  const shape = columns as Readonly<Record<string, string>>
  const { sink, context } = await open(t, url, postgres, { schema, table: 't', ...config }, streamOf(shape))
  await sink.begin()
  for (const [at, rows] of epochs.entries()) {
    await sink.write(batchOf(shape, rows), at + 1)
    await sink.commit(checkpoint(at + 1))
  }
  const rows = await query(url, `select * from ${schema}.t order by 1`)
  return { schema, rows, warnings: context.warnings, dead: context.deadRows }
}

test('rows of one key replace each other, and deletes remove them', { skip }, async t => {
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

test('the key is that of the rows where the sink names none', { skip }, async t => {
  const schema = tempSchema(t, url)
  const { sink } = await open(t, url, postgres, { schema, table: 't' }, streamOf(types, ['id']))
  await sink.begin()
  await sink.write(batchOf(types, [{ id: 1 }, { id: 1, name: 'last' }]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(await query(url, `select * from ${schema}.t`), [{ id: 1, name: 'last', version: null }])
})

test('on_conflict: nothing keeps the first row of a key', { skip }, async t => {
  const { rows } = await store(t, { primary_key: 'id', on_conflict: 'nothing' }, [
    [
      { id: 1, name: 'first' },
      { id: 1, name: 'second' },
    ],
    [{ id: 1, name: 'third' }],
  ])
  assert.deepEqual(rows, [{ id: 1, name: 'first', version: null }])
})

test('update_where keeps the row whose columns compare so, within an epoch and between them', { skip }, async t => {
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

test('without a key every row is inserted, deletes are left out, and both is said once', { skip }, async t => {
  const context = watchedAt(url)
  await checkSink(postgres, { schema: tempSchema(t, url), table: 't' }, streamOf(types), context)
  assert.match(context.warnings.join(), /no primary_key: every row is inserted, updates too, and deletes are left out/)
  const { rows, warnings } = await store(t, {}, [
    [{ id: 1 }, { id: 1, _gs_op: 'u' }, { id: 1, _gs_op: 'd' }],
    [{ id: 1, _gs_op: 'd' }],
  ])
  assert.equal(rows.length, 2)
  assert.deepEqual(warnings.filter(text => text.includes('deletes are left out')).length, 1)
})

test('a row whose key is null becomes a dead letter, and the others are stored', { skip }, async t => {
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

test('rows that the server cannot read become dead letters, and those around them are stored', { skip }, async t => {
  const bad = [2, 3, 7, 10]
  const rows = Array.from({ length: 10 }, (_, at) => ({ id: at + 1, name: bad.includes(at + 1) ? 'a\0b' : 'ok' }))
  const { rows: found, dead } = await store(t, { primary_key: 'id' }, [rows])
  assert.deepEqual(
    found.map(({ id }) => id),
    [1, 4, 5, 6, 8, 9],
  )
  assert.deepEqual(
    dead.map(({ row }) => (row as { id: number }).id),
    bad,
  )
  assert.match(dead[0]!.message, /invalid byte sequence for encoding "UTF8": 0x00/)
})

test('a table whose columns are all key takes rows and deletes', { skip }, async t => {
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
    { a: 'int64', b: 'utf8' },
  )
  assert.deepEqual(rows, [{ a: 1, b: 'y' }])
})

test('names and values that look like SQL are names and values', { skip }, async t => {
  const schema = tempSchema(t, url)
  const columns = {
    'a"; drop table t; --': 'int64',
    "b'": 'utf8',
    select: 'utf8',
    seq: 'int64',
    op: 'utf8',
    c0: 'utf8',
    'täg\n': 'utf8',
    '\\$$': 'utf8',
  }
  const row = {
    'a"; drop table t; --': 1,
    "b'": `'); delete from t; --`,
    select: 'from',
    seq: 7,
    op: 'd',
    c0: '\\N',
    'täg\n': '🎈\t\r\n\\.',
    '\\$$': '\\',
  }
  const config = { schema, table: `order "by" '\\`, primary_key: ['a"; drop table t; --'], update_where: { seq: '>=' } }
  await checkSink(postgres, config, streamOf(columns), watchedAt(url))
  const name = `it's "odd" \\ $x$`
  const { sink } = await open(
    t,
    url,
    postgres,
    config,
    streamOf(columns),
    watchedAt(url, { name, pipeline: `a'b/"c"` }),
  )
  await sink.begin()
  await sink.write(batchOf(columns, [row, { ...row, _gs_op: 'd' }, row, row]), 1)
  await sink.commit(checkpoint(1))
  assert.deepEqual(await query(url, `select * from ${schema}."order ""by"" '\\"`), [row])
  assert.deepEqual(await sink.begin(), checkpoint(1))
})

test('a schema of any name is made where it is not there', { skip }, async t => {
  const schema = `${tempSchema(t, url)} "Odd"`
  t.after(() => query(url, `drop schema if exists "${schema.replaceAll('"', '""')}" cascade`))
  const { sink } = await open(t, url, postgres, { schema, table: 'T', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(batchOf(types, [{ id: 1 }]), 1)
  await sink.commit(checkpoint(1))
  assert.equal((await query(url, `select * from "${schema.replaceAll('"', '""')}"."T"`)).length, 1)
})

test('sinks that start at once make a schema and their tables together', { skip }, async t => {
  const schema = tempSchema(t, url)
  const names = ['a', 'b', 'c', 'd']
  await Promise.all(
    names.map(async name => {
      const config = { schema, table: name, primary_key: 'id' }
      const { sink } = await open(t, url, postgres, config, streamOf(types), watchedAt(url, { name }))
      await sink.begin()
      await sink.write(batchOf(types, [{ id: 1, name }]), 1)
      await sink.commit(checkpoint(1))
    }),
  )
  for (const name of names) assert.equal((await query(url, `select name from ${schema}.${name}`))[0]!.name, name)
})

test('a key that someone else inserts in the very moment is a key that is there', { skip }, async t => {
  const schema = tempSchema(t, url)
  const { sink } = await open(t, url, postgres, { schema, table: 't', primary_key: 'id' }, streamOf(types))
  await sink.begin()
  await sink.write(batchOf(types, [{ id: 1, name: 'ours' }]), 1)
  const other = await connectPg({ server: serverOfUrl(url), application: 'other' })
  t.after(() => other.close())
  await other.query('begin')
  await other.query(`insert into ${schema}.t values (1, 'theirs', 7)`)
  const committed = sink.commit(checkpoint(1))
  const waits = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%${schema}%'`
  while ((await query(url, waits)).length === 0) await delay(2)
  await other.query('commit')
  await committed
  assert.deepEqual(await query(url, `select * from ${schema}.t`), [{ id: 1, name: 'ours', version: null }])
})

test('keys are strict: one that is not known is an error', () => {
  const parses = (more: object) => postgres.config.safeParse({ from: 'a', schema: 's', table: 't', ...more }).success
  assert.ok(!parses({ colour: 'red' }))
  assert.ok(!parses({ on_conflict: 'ignore' }))
  assert.ok(!parses({ update_where: { a: '=' } }))
  assert.ok(parses({ batch_size: 1, batch_flush_interval: '1s', parallelism: 2, deduplicate: false }))
})
