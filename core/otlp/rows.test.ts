import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordsOf } from './records.suite.ts'
import { rowsOf } from './rows.ts'

test('rows come in order of their position, over all tables', () => {
  const records = recordsOf([
    { table: 'otlp_metrics_sum', at: 2, row: { name: 'c' } },
    { table: 'otlp_metrics_gauge', at: 0, row: { name: 'a' } },
    { table: 'otlp_metrics_sum', at: 1, row: { name: 'b' } },
  ])
  assert.deepEqual(
    rowsOf(records).map(({ table, at, row }) => [table, at, row.name]),
    [
      ['otlp_metrics_gauge', 0, 'a'],
      ['otlp_metrics_sum', 1, 'b'],
      ['otlp_metrics_sum', 2, 'c'],
    ],
  )
})

test('64-bit integers are numbers where those are exact, else bigints', () => {
  const exact = [0, -1, 2 ** 53 - 1, 2n ** 63n - 1n, -(2n ** 63n)]
  const records = recordsOf(exact.map(int_value => ({ table: 'otlp_metrics_gauge', row: { int_value } })))
  assert.deepEqual(
    rowsOf(records).map(({ row }) => row.int_value),
    exact,
  )
})

test('each row has all columns of its table, and those of promoted attributes', () => {
  const promote = ['a.b']
  const records = recordsOf([{ table: 'otlp_logs', row: { resource_attr_a_b: 'x', body: '\ufeffé' } }], { promote })
  const [first] = rowsOf(records, promote)
  assert.equal(first?.row.resource_attr_a_b, 'x')
  assert.equal(first?.row.body, '\ufeffé')
  assert.equal(first?.row.severity_text, null)
})
