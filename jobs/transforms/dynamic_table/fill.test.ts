import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import { batchOfRows, type Row } from '../../runtime/batch/build.ts'
import { OP, typeOf } from '../../runtime/batch/types.ts'
import { errorOf } from '../../runtime/harness/error.suite.ts'
import { tempFolder } from '../../runtime/harness/folder.suite.ts'
import { dynamicTable } from './dynamic_table.ts'
import { openFor, sqliteConfig } from './harness.suite.ts'

const schema = new Schema([
  new Field('id', typeOf('int64'), false),
  new Field('name', typeOf('utf8'), true),
  new Field('tier', typeOf('utf8'), true),
  new Field('amount', typeOf('float64'), true),
  new Field(OP, typeOf('utf8'), false),
])
const input = (name: string) => ({ name, schema, primaryKey: ['id'] })
const memory = (sql: string) => dynamicTable.config.parse({ backend_type: 'InMemory', backend_entity_name: 'vip', sql })
const batchOf = (rows: readonly Row[]) =>
  batchOfRows(
    schema,
    rows.map(row => ({ [OP]: 'i', ...row })),
  ).batch!

test('a table is filled by projection and filter, nulls left out, before the batch goes on', async t => {
  const sql = "SELECT name FROM crm.accounts WHERE tier = 'vip'"
  const { table, fill } = await openFor(t, memory(sql), { input: input('crm.accounts') })
  await fill!.observe(
    batchOf([
      { id: 1, name: 'ann', tier: 'vip' },
      { id: 2, name: 'bob', tier: 'other' },
      { id: 3, name: null, tier: 'vip' },
      { id: 4, name: 'dora', tier: 'vip', [OP]: 'd' },
    ]),
  )
  assert.deepEqual(await table.has(['ann', 'bob', 'dora', 'null']), [true, false, true, false])
  await fill!.observe(batchOf([{ id: 5, name: 'eve', tier: 'none' }]))
  await fill!.observe(
    batchOf([
      { id: 6, name: 'ann', tier: 'vip' },
      { id: 7, name: 'bob', tier: 'vip' },
    ]),
  )
  assert.deepEqual(await table.has(['ann', 'bob', 'eve']), [true, true, false])
})

test('whole numbers are values as their text', async t => {
  const path = join(tempFolder(t), 'tables.db')
  const { table, fill } = await openFor(t, sqliteConfig(path, { sql: 'select id, _gs_op from a' }), {
    input: input('a'),
  })
  await fill!.observe(batchOf([{ id: '9223372036854775807' }, { id: -1 }]))
  assert.deepEqual(await table.has(['9223372036854775807', '-1', '1']), [true, true, false])
})

test('the node that is read is found in the SQL, with dots and hyphens', async t => {
  const nodes = ['crm.accounts', 'my-source', 'other']
  const inputs = (sql?: string) => dynamicTable.inputs({ ...memory('x'), sql }, nodes)
  assert.deepEqual(await inputs(undefined), [])
  assert.deepEqual(await inputs('select name from CRM.Accounts where id > 1'), ['crm.accounts'])
  assert.deepEqual(await inputs('select name from my-source'), ['my-source'])
  const { path, message } = await errorOf((async () => inputs('select a from other union all select b from x'))())
  assert.deepEqual(path, ['sql'])
  assert.match(message, /filled from one node, and its SQL names other, x/)

  const { table, fill } = await openFor(t, memory('SELECT name FROM my-source WHERE id - 1 > 0'), {
    input: input('my-source'),
  })
  await fill!.observe(
    batchOf([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ]),
  )
  assert.deepEqual(await table.has(['a', 'b']), [false, true])
})

test('SQL that gives no single column of text is refused with the way out', async t => {
  for (const [sql, said] of [
    ['select id, name from a', /one column, the value, and gives id, name/],
    ['select amount from a', /amount is float64, and values are text: write cast\(amount as varchar\)/],
    ['select nothing from a', /nothing/],
    ['select name from a group by name', /group by/i],
    ['select from', /syntax|pars/i],
  ] as const) {
    const error = await errorOf(openFor(t, memory(sql), { input: input('a') }))
    assert.deepEqual([error.code, error.path], ['bad_pipeline', ['sql']], sql)
    assert.match(error.message, said)
  }
})

test('a table that nothing of the pipeline fills has no fill', async t => {
  const config = dynamicTable.config.parse({ backend_type: 'InMemory', backend_entity_name: 'vip' })
  const { table, fill } = await openFor(t, config)
  assert.equal(fill, undefined)
  assert.deepEqual(await table.has(['a']), [false])
})
