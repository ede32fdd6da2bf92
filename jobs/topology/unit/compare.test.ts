import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareRows } from './compare.ts'

test('only the columns that are expected are compared, in order', () => {
  assert.deepEqual(
    compareRows(
      'big',
      [{ id: 1 }, { id: 2 }],
      [
        { id: 1, a: 5 },
        { id: 2, a: null },
      ],
      false,
    ),
    [],
  )
  assert.deepEqual(
    compareRows(
      'big',
      [{ id: 1 }, { id: 2, a: 6 }],
      [
        { id: 2, a: 5 },
        { id: 2, a: 5 },
      ],
      false,
    ),
    ['big: 2 rows expected, 2 came', '  row 1: id: expected 1, got 2', '  row 2: a: expected 6, got 5'],
  )
})

test('rows that are missing or too many are shown', () => {
  assert.deepEqual(compareRows('n', [{ id: 1 }], [], false), [
    'n: 1 row expected, 0 came',
    '  - row 1 is missing: {"id":1}',
  ])
  assert.deepEqual(compareRows('n', [], [{ id: 1 }], false), [
    'n: 0 rows expected, 1 came',
    '  + row 1 is too many: {"id":1}',
  ])
  const many = Array.from({ length: 30 }, (_, id) => ({ id }))
  assert.equal(compareRows('n', [], many, false).at(-1), '  … and 10 more')
})

test('without order each row is found once, and those that say more choose first', () => {
  const actual = [
    { id: 1, a: 'x' },
    { id: 1, a: 'y' },
  ]
  assert.deepEqual(compareRows('n', [{ id: 1 }, { id: 1, a: 'x' }], actual, true), [])
  assert.deepEqual(compareRows('n', [{ id: 1 }, { id: 2 }], actual, true), [
    'n: 2 rows expected, 2 came',
    '  - is missing: {"id":2}',
    '  + is too many: {"id":1,"a":"y"}',
  ])
})

test('JSON text is the value that it holds, and a column that is not there is not null', () => {
  assert.deepEqual(compareRows('n', [{ doc: { b: [1], a: 1 } }], [{ doc: '{"a":1,"b":[1]}' }], false), [])
  assert.deepEqual(compareRows('n', [{ list: [1, null] }], [{ list: [1, null] }], false), [])
  assert.equal(compareRows('n', [{ doc: { a: 1 } }], [{ doc: '{"a":1,"b":2}' }], false).length, 2)
  assert.equal(compareRows('n', [{ doc: { a: 1 } }], [{ doc: 'no json' }], false).length, 2)
  assert.equal(compareRows('n', [{ doc: [] }], [{ doc: '{}' }], false).length, 2)
  assert.deepEqual(compareRows('n', [{ idd: null }], [{ id: 1 }], false), [
    'n: 1 row expected, 1 came',
    '  row 1: idd: expected null, got no such column: there are id',
  ])
  assert.equal(compareRows('n', [{ toString: null }], [{ id: 1 }], false).length, 2)
})
