import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { batchOf, checkSink, execute, openSink, query } from '../../drivers/sqlite-sink/harness.suite.ts'
import { upsertSuite } from '../../drivers/upsert/upsert.suite.ts'
import { watched } from '../../runtime/harness/context.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { checkpoint, streamOf } from '../../runtime/harness/sink.suite.ts'
import { sqlite } from './sqlite.ts'

const types = { id: 'int64', name: 'utf8', version: 'int64' }

upsertSuite({
  odd: '\u0000nul',
  turned: /column "name" was text and is now real/,
  async place(t, sql) {
    const path = join(tempFolder(t), `it's "odd".db`)
    if (sql !== undefined) execute(path, sql)
    const whole = (config: object) => ({ path, table: 't', ...config })
    return {
      open: (config, input, given) => openSink(t, sqlite, whole(config), input, watched(given)),
      async check(config, input) {
        const context = watched()
        await checkSink(sqlite, whole(config), input, context)
        return context
      },
      query: async text => query(path, text),
      columns: async () => query(path, "select name from pragma_table_info('t')").map(({ name }) => String(name)),
    }
  },
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
