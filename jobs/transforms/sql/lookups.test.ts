import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DynamicTable, Udf } from '../../runtime/contract.ts'
import { open, rejects, row, tableOf } from './sql.suite.ts'

test('dynamic_table_check looks up each value once a call, in any expression', async t => {
  const { table, asked } = tableOf('id_1', 'id_3')
  const { run } = await open(
    t,
    `SELECT id, CASE WHEN dynamic_table_check('seen', id) THEN 'old' ELSE 'new' END AS age FROM source
     WHERE NOT (dynamic_table_check('seen', id) AND block > 2)`,
    { tables: { seen: table } },
  )
  assert.deepEqual(await run([row(1), row(2), row(3), row(1)]), [
    { id: 'id_1', age: 'old', _gs_op: 'i' },
    { id: 'id_2', age: 'new', _gs_op: 'i' },
    { id: 'id_1', age: 'old', _gs_op: 'i' },
  ])
  assert.deepEqual(asked, [['id_1', 'id_2', 'id_3']])
})

test('a lookup whose value hangs on another lookup is made, too, and lists ask for any of their values', async t => {
  const first = tableOf('id_1')
  const second = tableOf('data1')
  const { run } = await open(
    t,
    `SELECT id FROM source WHERE CASE WHEN dynamic_table_check('first', id) THEN dynamic_table_check('second', data)
       ELSE dynamic_table_check('second', [id, 'data1', NULL]) AND dynamic_table_check('first', NULL::text) IS NULL END`,
    { tables: { first: first.table, second: second.table } },
  )
  assert.deepEqual(
    (await run([row(1), row(2)])).map(({ id }) => id),
    ['id_1', 'id_2'],
  )
})

test('answers of a dynamic table are not kept for the next call', async t => {
  const values: string[] = []
  const table: DynamicTable = {
    has: async given => given.map(value => values.includes(value!)),
    async add(added) {
      values.push(...added)
    },
    async close() {},
  }
  const { run } = await open(t, `SELECT id FROM source WHERE NOT dynamic_table_check('t', id)`, {
    tables: { t: table },
  })
  assert.equal((await run([row(1)])).length, 1)
  await table.add(['id_1'])
  assert.equal((await run([row(1)])).length, 0)
})

test('a dynamic table that is not there, or has no literal name, is refused', async t => {
  const tables = { seen: tableOf().table }
  const check = (name: string) => `SELECT id FROM source WHERE dynamic_table_check(${name}, id)`
  await rejects(
    t,
    check(`'nonexistent_table'`),
    /^dynamic table 'nonexistent_table' is not defined in pipeline topology: it has 'seen'/,
    { tables },
  )
  await rejects(t, check('data'), /must be a text literal/, { tables })
})

test('a lookup that fails fails the call with the reason of the table', async t => {
  const table: DynamicTable = {
    has: () => Promise.reject(new Error('the table is down')),
    async add() {},
    async close() {},
  }
  const { run } = await open(t, `SELECT id FROM source WHERE dynamic_table_check('t', id)`, { tables: { t: table } })
  await assert.rejects(run([row(1)]), /the table is down/)
})

test('functions of plugins are called with the values of a row', async t => {
  const udfs: Udf[] = [
    {
      name: 'label',
      parameters: ['BIGINT', 'VARCHAR'],
      returns: 'VARCHAR',
      call: (n, s) => (s === null ? null : `${s}#${n}`),
    },
    {
      name: 'nextday',
      parameters: ['DATE'],
      returns: 'DATE',
      call: day => new Date(Date.parse(String(day)) + 86_400_000).toISOString().slice(0, 10),
    },
    {
      name: 'refuse',
      parameters: ['VARCHAR'],
      returns: 'BOOLEAN',
      call() {
        throw new Error('not this one')
      },
    },
  ]
  const { run } = await open(t, `SELECT id, label(block, data) AS l, nextday(date '2024-02-28') AS d FROM source`, {
    udfs,
  })
  assert.deepEqual(await run([row(1), row(2, { data: null })]), [
    { id: 'id_1', l: 'data1#1', d: '2024-02-29', _gs_op: 'i' },
    { id: 'id_2', l: null, d: '2024-02-29', _gs_op: 'i' },
  ])
  const failing = await open(t, 'SELECT id FROM source WHERE refuse(data)', { udfs })
  assert.deepEqual(await failing.run([row(1)]), [])
  assert.match(failing.dead[0]!.message, /not this one/)
})

test('a table that another node fills is warned of, since the two go at speeds of their own', async t => {
  const { table } = tableOf('id_1')
  const sql = `SELECT id FROM source WHERE dynamic_table_check('seen', id)`
  const other = await open(t, sql, { tables: { seen: { ...table, filledBy: 'other' } } })
  assert.match(other.warnings.join(), /dynamic table 'seen' is filled from 'other', which this SQL does not read/)
  const same = await open(t, sql, { tables: { seen: { ...table, filledBy: 'source' } } })
  assert.deepEqual(same.warnings, [])
})
