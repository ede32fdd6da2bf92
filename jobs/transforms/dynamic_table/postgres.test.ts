import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { manage, service } from '../../../test/support/servers.ts'
import { openTcpProxy } from '../../../test/support/tcp-proxy.ts'
import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOfUrl } from '../../drivers/postgres/keys.ts'
import type { DynamicTable } from '../../runtime/contract.ts'
import { quietContext, retrying } from '../../runtime/harness/context.suite.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { dynamicTable } from './dynamic_table.ts'
import { tableSuite } from './table.suite.ts'

const { skip, at } = service('postgres')
const url = at.POSTGRES
const own = service('postgres', 'tables')
after(() => own.skip === false && manage('clean', 'postgres@tables'))

const schema = `t_${randomBytes(6).toString('hex')}`
after(async () => {
  if (skip === false) await ask(`SET client_min_messages = warning; DROP SCHEMA IF EXISTS ${schema} CASCADE`)
})

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  const session = await connectPg({ server: serverOfUrl(url), application: 'millrace test' })
  try {
    return (await session.query(sql)).rows
  } finally {
    await session.close()
  }
}

interface Given {
  config?: Record<string, unknown>
  settings?: Record<string, unknown>
  postgres?: Record<string, unknown>
  tries?: number
}

/** A context as a pipeline has it, with the server and schema of this file. */
export function contextFor(place: string, { settings, postgres, tries = 0 }: Given = {}) {
  const { host, port, user, password, database: db, sslmode } = serverOfUrl(place)
  const server = { host, port, user, password, db, sslmode, dt_schema_name: schema, ...postgres }
  return quietContext({
    name: 'seen',
    settings: settingsSchema.parse({ dynamic_table_backend: { ...settings, postgres: server } }),
    retry: retrying({ tries, pause: () => delay(50) }),
  })
}

let made = 0

async function openFor(t: TestContext, given: Given = {}, place = url): Promise<{ table: DynamicTable; name: string }> {
  const name = `seen_${++made}`
  const config = dynamicTable.config.parse({ backend_type: 'Postgres', backend_entity_name: name, ...given.config })
  const { table } = await dynamicTable.open(config, undefined, contextFor(place, given))
  t.after(() => table.close())
  return { table, name: `${schema}.${config.backend_entity_name}` }
}

if (skip === false)
  for (const cache of [false, true])
    tableSuite(`Postgres${cache ? ' with a cache' : ''}`, async t => (await openFor(t, { config: { cache } })).table)

test('nothing is written before the first value, which makes schema and table', { skip }, async t => {
  const schema = `t_${randomBytes(6).toString('hex')}`
  const { table } = await openFor(t, { config: { schema, backend_entity_name: 'vip' } })
  assert.deepEqual(await table.has(['a']), [false])
  assert.deepEqual(await ask(`SELECT to_regnamespace('${schema}')::text AS name`), [{ name: null }])
  await table.add(['a'])
  t.after(() => ask(`SET client_min_messages = warning; DROP SCHEMA ${schema} CASCADE`))
  const [row] = await ask(`SELECT value, updated_at > now() - interval '1 minute' AS fresh FROM ${schema}.vip`)
  assert.deepEqual(row, { value: 'a', fresh: true })
})

for (const cache of [false, true])
  test(
    `what others insert, delete, drop and make again is seen while running${cache ? ', with a cache too' : ''}`,
    { skip },
    async t => {
      const { table, name } = await openFor(t, { config: { cache, cache_refresh_debounce_ms: 0 } })
      await table.add(['a', 'b'])
      assert.deepEqual(await table.has(['a', 'c']), [true, false])
      for (const [sql, expected] of [
        [`INSERT INTO ${name} (value) VALUES ('c')`, [true, true, true]],
        [`DELETE FROM ${name} WHERE value = 'a'`, [false, true, true]],
        [`TRUNCATE ${name}`, [false, false, false]],
        [`DROP TABLE ${name}`, [false, false, false]],
        [`CREATE TABLE ${name} (value VARCHAR(20)); INSERT INTO ${name} VALUES ('b')`, [false, true, false]],
        [`DROP TABLE ${name}; CREATE VIEW ${name} AS SELECT 'c' AS value`, [false, false, true]],
        [
          `DROP VIEW ${name}; CREATE TABLE ${name} (value TEXT); INSERT INTO ${name} VALUES ('z')`,
          [false, false, false],
        ],
      ] as const) {
        await ask(sql)
        assert.deepEqual(await table.has(['a', 'b', 'c']), expected, sql)
      }
      await table.add(['b'])
      assert.deepEqual(await table.has(['b', 'z']), [true, true])
    },
  )

test('a cache may be behind for the debounce, but a value that was deleted is added again', { skip }, async t => {
  const { table, name } = await openFor(t, {
    postgres: { cache_enabled: true, cache_refresh_debounce_ms: 1e9 },
    settings: { max_batch_size: 2 },
  })
  await table.add(['a', 'b', 'c'])
  await ask(`DELETE FROM ${name}`)
  assert.deepEqual(await table.has(['a', 'b', 'c', 'd']), [true, true, true, false])
  await ask(`INSERT INTO ${name} (value) VALUES ('d')`)
  assert.deepEqual(await table.has(['d']), [false])
  await table.add(['a'])
  assert.deepEqual(await ask(`SELECT value FROM ${name} ORDER BY value`), [{ value: 'a' }, { value: 'd' }])
})

test('tables of other shapes are used as they are', { skip }, async t => {
  await ask(
    `CREATE SCHEMA IF NOT EXISTS ${schema}; CREATE TABLE ${schema}.numbers (id BIGINT PRIMARY KEY, name TEXT DEFAULT 'new');
     INSERT INTO ${schema}.numbers VALUES (42, 'old');
     CREATE TABLE ${schema}.doubled (value TEXT, updated_at TIMESTAMP); INSERT INTO ${schema}.doubled VALUES ('a'), ('a')`,
  )
  const { table: numbers } = await openFor(t, { config: { backend_entity_name: 'numbers', column: 'id' } })
  assert.deepEqual(await numbers.has(['42', '042', 'no number']), [true, false, false])
  const { table: doubled } = await openFor(t, { config: { backend_entity_name: 'doubled' } })
  await doubled.add(['a', 'b'])
  assert.deepEqual(await ask(`SELECT value, count(*)::int AS n FROM ${schema}.doubled GROUP BY 1 ORDER BY 1`), [
    { value: 'a', n: 2 },
    { value: 'b', n: 1 },
  ])
})

test('a table without the column is refused, with those that it has', { skip }, async t => {
  await ask(`CREATE SCHEMA IF NOT EXISTS ${schema}; CREATE TABLE ${schema}.shape (id TEXT, name TEXT)`)
  const error = await errorOf(openFor(t, { config: { backend_entity_name: 'shape' } }))
  assert.deepEqual([error.code, error.path], ['bad_pipeline', ['column']])
  assert.match(error.message, /the table t_\w+\.shape has no column value: it has id, name$/)
})

test('a table that does not take a value is an error, not a silence', { skip }, async t => {
  await ask(`CREATE SCHEMA IF NOT EXISTS ${schema}; CREATE TABLE ${schema}.owned (value TEXT, owner TEXT NOT NULL)`)
  const { table } = await openFor(t, { config: { backend_entity_name: 'owned' } })
  const { code, message } = await errorOf(table.add(['a']))
  assert.equal(code, 'bad_data')
  assert.match(message, /null value in column "owner".*\(SQLSTATE 23502, schema t_\w+, table owned, column owner\)/)
})

test(
  'processes add to one table at once, which none of them has made, and each value is there once',
  { skip },
  async t => {
    const script = (from: number) => `
    const { dynamicTable } = await import(${JSON.stringify(new URL('./dynamic_table.ts', import.meta.url).href)})
    const { quietContext } = await import(${JSON.stringify(new URL('../../runtime/harness/context.suite.ts', import.meta.url).href)})
    const { settingsSchema } = await import(${JSON.stringify(new URL('../../settings.ts', import.meta.url).href)})
    const settings = settingsSchema.parse(${JSON.stringify({ dynamic_table_backend: contextFor(url).settings.dynamic_table_backend })})
    const config = dynamicTable.config.parse({ backend_type: 'Postgres', backend_entity_name: 'shared' })
    const { table } = await dynamicTable.open(config, undefined, quietContext({ settings }))
    for (let at = ${from}; at < ${from} + 3000; at += 100)
      await table.add(Array.from({ length: 200 }, (_, i) => 'v' + (at + i)))
    await table.close()`
    const children = [0, 1000, 1500].map(from =>
      spawn(process.execPath, ['--input-type=module', '-e', script(from)], { stdio: 'inherit' }),
    )
    t.after(() => children.map(child => child.kill('SIGKILL')))
    assert.deepEqual(await Promise.all(children.map(child => once(child, 'exit'))), [
      [0, null],
      [0, null],
      [0, null],
    ])
    const sql = `SELECT count(*)::int AS n, count(DISTINCT value)::int AS different,
    bool_and(updated_at >= before) AS ordered FROM (SELECT *, lag(updated_at) OVER (ORDER BY xmin::text::bigint, updated_at) AS before FROM ${schema}.shared) t`
    assert.deepEqual(await ask(sql), [{ n: 4600, different: 4600, ordered: true }])
  },
)

test('a crash of the server and a cut connection are sat out', { skip: own.skip }, async t => {
  const proxy = await openTcpProxy(Number(new URL(own.at.POSTGRES).port))
  t.after(() => proxy.close())
  const { table } = await openFor(t, { tries: 100, postgres: { port: proxy.port } }, own.at.POSTGRES)
  await table.add(['a'])
  manage('restart', 'postgres@tables')
  assert.deepEqual(await table.has(['a', 'b']), [true, false])
  proxy.cutAfter(20)
  await table.add(['b'])
  proxy.cutAnswerAfter(0)
  assert.deepEqual(await table.has(['a', 'b', 'c']), [true, true, false])
})

test('a server that is not there is unavailable, and named', { skip }, async t => {
  const { code, message } = await errorOf(openFor(t, { postgres: { port: 1 } }))
  assert.deepEqual([code, message], ['unavailable', 'postgres 127.0.0.1:1/postgres: connect ECONNREFUSED 127.0.0.1:1'])
})
