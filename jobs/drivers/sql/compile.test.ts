import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Field, Schema } from 'apache-arrow'
import { batchOf, batchOfRows } from '../../runtime/batch/build.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { typeOf } from '../../runtime/batch/types.ts'
import { compileExpressions, compileFilter, compileSelect } from './compile.ts'

const schema = new Schema(
  Object.entries({ block_number: 'int64', ts: 'timestamp', name: 'utf8' }).map(
    ([name, type]) => new Field(name, typeOf(type), true),
  ),
)
const rows = [
  { block_number: 1, ts: '2024-01-02T03:04:05Z', name: 'a' },
  { block_number: 2, ts: null, name: null },
]
const { batch } = batchOfRows(schema, rows)

test('a select over one input hands on only what it names', async () => {
  const select = await compileSelect('SELECT name FROM orders WHERE name IS NOT NULL', new Map([['orders', schema]]))
  assert.deepEqual(rowsOf((await select.run(batch!))!), [{ name: 'a' }])
  assert.equal(await select.run(batch!.slice(1)), undefined)
  select.close()
})

test('expressions give a column each, with a value per row', async () => {
  const compiled = await compileExpressions(schema, [`date_trunc('day', ts)`, 'upper(name)', 'block_number'])
  const columns = await compiled.evaluate(batch!)
  assert.deepEqual(rowsOf(batchOf(compiled.schema, columns, 2)), [
    { c0: '2024-01-02T00:00:00', c1: 'A', c2: 1 },
    { c0: null, c1: null, c2: 2 },
  ])
  compiled.close()
})

test('a filter keeps the rows for which it is true, not those for which it is null', async () => {
  const filter = await compileFilter(schema, `name <> 'b' -- not b`)
  assert.deepEqual(
    rowsOf((await filter.keep(batch!))!).map(({ name }) => name),
    ['a'],
  )
  assert.equal(await filter.keep(batch!.slice(1)), undefined)
  filter.close()
})

test('a filter on a column that is not there is told in the words of the model, once', async () => {
  await assert.rejects(compileFilter(schema, 'number > 5'), {
    code: 'bad_pipeline',
    message: "No field named number. Did you mean 'block_number'?",
  })
})

test('an expression is one expression, and no way out of it', async () => {
  const refused: Record<string, RegExp> = {
    '': /cannot be read|expected one SQL expression/,
    '1, 2': /expected one SQL expression/,
    '1 FROM x WHERE 2': /expected one SQL expression/,
    '1 UNION SELECT 2': /expected one SQL expression/,
    'DISTINCT name': /expected one SQL expression/,
    '*': /expected one SQL expression/,
    '1; DROP TABLE x': /must be one SELECT/,
    'unnest([1, 2])': /unnest gives many values/,
    'sum(block_number)': /uses the aggregate sum/,
    '(SELECT 1)': /uses a subquery/,
    'name +': /cannot be read: .*\(line 2, column 1\)/,
  }
  for (const [text, message] of Object.entries(refused))
    await assert.rejects(compileFilter(schema, text), { code: 'bad_pipeline', message }, text)
})
