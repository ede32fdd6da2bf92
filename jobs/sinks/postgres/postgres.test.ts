import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'
import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOfUrl } from '../../drivers/postgres/keys.ts'
import {
  columnsOf,
  connectSink,
  execute,
  open,
  query,
  tempSchema,
  watchedAt,
} from '../../drivers/postgres-sink/harness.suite.ts'
import { batchOf, checkSink } from '../../drivers/sqlite-sink/harness.suite.ts'
import { upsertSuite } from '../../drivers/upsert/upsert.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { postgres } from './postgres.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES
const types = { id: 'int64', name: 'utf8', version: 'int64' }

upsertSuite({
  skip,
  odd: '\\N',
  turned: /column "name" was TEXT and is now DOUBLE PRECISION/,
  async place(t, sql) {
    const schema = tempSchema(t, url)
    if (sql !== undefined) await execute(url, `create schema ${schema}; set search_path to ${schema}; ${sql}`)
    const inSchema = (text: string) => query(url, `set search_path to ${schema}; ${text}`)
    const whole = (config: object) => ({ schema, table: 't', ...config })
    return {
      open: (config, input, given) => open(t, url, postgres, whole(config), input, watchedAt(url, given)),
      async check(config, input) {
        const context = watchedAt(url)
        await checkSink(postgres, whole(config), input, context)
        await connectSink(postgres, whole(config), input, context)
        return context
      },
      query: inSchema,
      columns: () => columnsOf(url, schema),
    }
  },
})

test('rows that the server cannot read become dead letters, and those around them are stored', { skip }, async t => {
  const bad = [2, 3, 7, 10]
  const rows = Array.from({ length: 10 }, (_, at) => ({ id: at + 1, name: bad.includes(at + 1) ? 'a\0b' : 'ok' }))
  const schema = tempSchema(t, url)
  const config = { schema, table: 't', primary_key: 'id' }
  const { sink, context } = await open(t, url, postgres, config, streamOf(types))
  await sink.begin()
  await sink.write(batchOf(types, rows), 1)
  await sink.commit(checkpoint(1))
  const found = await query(url, `select id from ${schema}.t order by id`)
  assert.deepEqual(
    found.map(({ id }) => id),
    [1, 4, 5, 6, 8, 9],
  )
  assert.deepEqual(
    context.deadRows.map(({ row }) => (row as { id: number }).id),
    bad,
  )
  assert.match(context.deadRows[0]!.message, /invalid byte sequence for encoding "UTF8": 0x00/)
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
