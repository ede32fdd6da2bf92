import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelProblems } from './labels.ts'

test('labels of the model pass: 20 of them, 256 bytes each, tabs', () => {
  const labels = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`_label_${at}`, 'ä\t'.repeat(85)]))
  assert.deepEqual(labelProblems('file', labels), [])
})

test('each rule of the model is one sentence that names the label', () => {
  const labels = {
    ...Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`l${at}`, ''])),
    '1st': 'x',
    'a-b': 'x',
    __a: 'x',
    id: 'x',
    long: 'ä'.repeat(129),
    broken: 'a\nb',
  }
  assert.deepEqual(
    labelProblems('file', labels).map(({ key, message }) => `${key}: ${message}`),
    [
      'undefined: 22 labels: a node has at most 20',
      "1st: label '1st': expected letters, digits and _, no digit first, and not __ at the start",
      "a-b: label 'a-b': expected letters, digits and _, no digit first, and not __ at the start",
      "__a: label '__a': expected letters, digits and _, no digit first, and not __ at the start",
      "id: label 'id' is one that the runtime sets itself",
      "long: label 'long': 258 bytes, at most 256 are allowed",
      "broken: label 'broken': control characters other than tab are not allowed",
    ],
  )
})

test('what tells nodes of a type apart is reserved for that type only', () => {
  const reserved = (type: string, key: string) => labelProblems(type, { [key]: 'x' }).length === 1
  const cases: [string, string, boolean][] = [
    ['file', 'path', true],
    ['file', 'topic', false],
    ['hybrid', 'topic', true],
    ['hybrid', 'table', true],
    ['webhook', 'url', true],
    ['script', 'language', true],
    ['my.plugin', 'type', true],
    ['script', 'type', false],
    ['print', 'operator_type', true],
  ]
  for (const [type, key, expected] of cases) assert.equal(reserved(type, key), expected, `${type} ${key}`)
})
