import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import { batchOfRows } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { openDuckDb } from '../duckdb/instance.ts'
import { compileSelect } from './compile.ts'
import { parse } from './tree.ts'
import { slimmed, usedColumns } from './used.ts'

const schema = new Schema(['a', 'b', 'c', 'd'].map(name => new Field(name, typeOf('int32'), true)))
const batch = batchOfRows(schema, [
  { a: 1, b: 2, c: 3, d: 4 },
  { a: 5, b: 6, c: null, d: 8 },
]).batch!

test('the columns that a statement may read are known, wherever it names them', async () => {
  const db = await openDuckDb()
  const used = async (sql: string) => {
    const names = usedColumns((await parse(db, sql)).root)
    return names === undefined ? 'all' : [...names].sort().join()
  }
  assert.equal(await used('select A from t where b > 1'), '_gs_op,a,b')
  assert.equal(await used('select x from (select a + c as x from t) s where d = 1'), '_gs_op,a,c,d,x')
  assert.equal(await used('select list_transform([a], y -> y + b) from t'), '_gs_op,a,b,y')
  assert.equal(await used('select * from t'), 'all')
  assert.equal(await used("select columns('a|b') from t"), 'all')
  assert.equal(await used('select a, #2 from t'), 'all')
  // a row as a whole
  assert.equal(await used('select r from t r'), 'all')
  assert.equal(await used('select t.a from t'), 'all')
  db.close()
})

test('a batch is told without the columns that nobody reads', () => {
  const { of } = slimmed(schema, new Set(['b', 'd']))
  assert.deepEqual(rowsOf(of(batch)), [
    { b: 2, d: 4 },
    { b: 6, d: 8 },
  ])
  assert.deepEqual(rowsOf(slimmed(schema, new Set()).of(batch)), [{ a: 1 }, { a: 5 }])
})

test('rows are the same as with all columns', async () => {
  for (const [sql, rows] of [
    ['select b from t where c is null', [{ b: 6 }]],
    ['select 7 as n from t', [{ n: 7 }, { n: 7 }]],
    ['select r.d as d, r from t r where r.a = 1', [{ d: 4, r: { a: 1, b: 2, c: 3, d: 4 } }]],
    [
      'with s as (select d + b as x from t) select x from s union all select a from t',
      [{ x: 6 }, { x: 14 }, { x: 1 }, { x: 5 }],
    ],
  ] as const) {
    const select = await compileSelect(sql, new Map([['t', schema]]))
    for (let time = 0; time < 2; time++) assert.deepEqual(rowsOf((await select.run(batch))!), rows, sql)
    select.close()
  }
})
