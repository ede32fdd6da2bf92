import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csv } from './csv.ts'
import { jsonLines } from './json.ts'
import { table } from './table.ts'
import { time } from './time.ts'

test('a table is aligned, numbers on the right, without space at the ends of lines', () => {
  assert.equal(
    table(
      ['stream', 'count', 'note'],
      [
        ['a', 5, null],
        ['longer', 1234, 'x'],
      ],
    ),
    'stream  count  note\n------  -----  ----\na           5\nlonger   1234  x\n',
  )
})

test('a column is text as soon as one value is', () => {
  assert.equal(table(['n'], [[1], ['two']]), 'n\n---\n1\ntwo\n')
})

test('a value with several lines takes several lines', () => {
  assert.equal(table(['a', 'b'], [['{\n  "x": 1\n}', 'y']]), 'a         b\n--------  -\n{         y\n  "x": 1\n}\n')
})

test('control characters are shown, not sent to the terminal', () => {
  assert.equal(table(['a'], [['\u001b[31mred\u0007']]), `a\n${'-'.repeat(19)}\n\\u001b[31mred\\u0007\n`)
})

test('wide characters take two columns', () => {
  assert.equal(table(['a', 'b'], [['日本', 1]]), 'a     b\n----  -\n日本  1\n')
})

test('an empty result has its headings', () => {
  assert.equal(table(['a', 'b'], []), 'a  b\n-  -\n')
})

test('CSV quotes what needs it and tells NULL from an empty text', () => {
  assert.equal(
    csv(
      ['a', 'b'],
      [
        ['x,"y"', null],
        ['', 1.5],
        ['two\nlines', 'z'],
      ],
    ),
    'a,b\r\n"x,""y""",\r\n"",1.5\r\n"two\nlines",z\r\n',
  )
})

test('rows are JSON objects, one per line, with every column even where names repeat', () => {
  assert.equal(jsonLines(['n', 'n', 't'], [[1, 2, null]]), '{"n":1,"n_2":2,"t":null}\n')
})

test('times are written in UTC to the second', () => {
  assert.equal(time(1_769_860_800_123_456), '2026-01-31 12:00:00')
  assert.equal(time(null), null)
})
