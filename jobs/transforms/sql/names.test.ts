import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inputsOf } from '../../drivers/sql/names.ts'
import { blocks, open, row } from './sql.suite.ts'

test('inputs are the nodes that SQL names, with dots, hyphens, quotes and in any case', async () => {
  const nodes = ['raw.transactions', 'my-source', 'Events', 'a.b.c.d', 'plain']
  const named: Record<string, string[]> = {
    'SELECT * FROM raw.transactions': ['raw.transactions'],
    'SELECT t.x FROM RAW.Transactions AS t': ['raw.transactions'],
    'SELECT * FROM "raw"."transactions"': ['raw.transactions'],
    'SELECT * FROM "raw.transactions"': ['raw.transactions'],
    'SELECT * FROM my-source UNION ALL SELECT * FROM "my-source"': ['my-source'],
    'SELECT a-b FROM events': ['Events'],
    'SELECT a.b.c.d.e FROM a.b.c.d': ['a.b.c.d'],
    'WITH plain AS (SELECT * FROM events) SELECT * FROM plain': ['Events'],
    'WITH plain AS (SELECT * FROM plain) SELECT * FROM plain': ['plain'],
    'WITH x AS (SELECT * FROM plain UNION ALL SELECT * FROM events) SELECT * FROM x': ['plain', 'Events'],
    'SELECT * FROM (SELECT * FROM (SELECT * FROM plain) p) q': ['plain'],
    'SELECT "FROM my-source", "FROM raw.transactions" FROM plain -- FROM events': ['plain'],
    'SELECT * FROM elsewhere': ['elsewhere'],
    'SELECT x FROM plain CROSS JOIN UNNEST(plain.l) AS t(x)': ['plain'],
  }
  for (const [sql, expected] of Object.entries(named)) assert.deepEqual(await inputsOf(sql, nodes), expected, sql)
  await assert.rejects(inputsOf('SELECT 1', nodes), { code: 'bad_pipeline', message: /reads no source or transform/ })
  await assert.rejects(inputsOf('SELEC * FROM plain', nodes), { code: 'bad_pipeline', message: /"SELEC"|"selec"/ })
})

test('columns may be called by any form of their table, whose name may have dots or hyphens', async t => {
  for (const name of ['raw.tx', 'my-src', 'a.b.c.d'])
    for (const from of [name, `"${name}"`, `${name} AS t`]) {
      const qualifier = from.endsWith(' t') ? 't' : name
      const sql = `SELECT ${qualifier}.id, ${qualifier}.block FROM ${from} WHERE ${qualifier}.block = 1`
      const { run } = await open(t, sql, { inputs: { [name]: blocks } })
      assert.deepEqual(await run([row(1), row(2)]), [{ id: 'id_1', block: 1, _gs_op: 'i' }], sql)
    }
  const { run } = await open(t, 'SELECT tx.id, raw.tx.* EXCLUDE (id, data) FROM raw.tx', {
    inputs: { 'raw.tx': blocks },
  })
  assert.deepEqual(await run([row(1)]), [{ id: 'id_1', block: 1, _gs_op: 'i' }])
})

test('names without quotes are lower case, those in quotes or backticks are not', async t => {
  const { names } = await open(t, 'SELECT ID, block AS userId, data AS "userName", id AS `Third` FROM SOURCE')
  assert.deepEqual(names, ['id', 'userid', 'userName', 'Third', '_gs_op'])
})

test('types of whole numbers without sign are written as in the model', async t => {
  const { run } = await open(
    t,
    'SELECT id, CAST(block AS TINYINT UNSIGNED) AS a, CAST(block AS INT\nUNSIGNED) AS unsigned FROM source',
  )
  assert.deepEqual(await run([row(200)]), [{ id: 'id_200', a: 200, unsigned: 200, _gs_op: 'i' }])
})

test('texts, comments and escapes are left alone', async t => {
  const { run } = await open(
    t,
    `SELECT id, 'It''s A B' AS a, E'\\'X' AS b, $$Y '$$ AS c, 'FROM raw.x' AS d -- FROM x\n/* AS Z */ FROM source`,
  )
  assert.deepEqual(await run([row(1)]), [
    { id: 'id_1', a: "It's A B", b: "'X", c: "Y '", d: 'FROM raw.x', _gs_op: 'i' },
  ])
})
