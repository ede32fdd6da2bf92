import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePipeline } from './parse.ts'

const problemsOf = (text: string) =>
  parsePipeline(text, 'p.yaml').problems.map(({ line, column, message }) => `${line}:${column}: ${message}`)

test('nodes come with their type, their keys and the place of each', () => {
  const text = 'name: orders\nsources:\n  raw.rows:\n    type: file\n    mode:\n      type: bounded\nsinks: {}\n'
  const { name, nodes, problems } = parsePipeline(text, 'p.yaml')
  assert.deepEqual(problems, [])
  assert.equal(name, 'orders')
  const [node] = nodes
  assert.deepEqual(
    { section: node!.section, name: node!.name, type: node!.type, keys: node!.keys, place: node!.place },
    {
      section: 'sources',
      name: 'raw.rows',
      type: 'file',
      keys: { mode: { type: 'bounded' } },
      place: { line: 3, column: 3 },
    },
  )
  assert.deepEqual(node!.placeOf(['mode', 'type']), { line: 6, column: 13 })
  assert.deepEqual(node!.placeOfKey(['mode', 'type']), { line: 6, column: 7 })
  assert.deepEqual(node!.placeOf(['mode', 'missing', 'deeper']), { line: 6, column: 7 })
  assert.equal(node!.pathOf(['mode', 'type']), 'sources.raw.rows.mode.type')
})

test('JSON, and sections under definition:, are read the same', () => {
  const plain = parsePipeline('{"sources":{"a":{"type":"x","n":1}},"sinks":{"b":{"type":"y"}}}', 'p.json')
  const wrapped = parsePipeline(
    'name: n\ndefinition:\n  sources: {a: {type: x, n: 1}}\n  sinks: {b: {type: y}}',
    'p.yaml',
  )
  for (const { nodes, problems } of [plain, wrapped]) {
    assert.deepEqual(problems, [])
    assert.deepEqual(
      nodes.map(({ section, name, type, keys }) => [section, name, type, keys]),
      [
        ['sources', 'a', 'x', { n: 1 }],
        ['sinks', 'b', 'y', {}],
      ],
    )
  }
  assert.equal(wrapped.nodes[0]!.pathOf(['n']), 'definition.sources.a.n')
})

test('all mistakes of form are told at once, each at its place', () => {
  const text = `sources:
  a:
    type: file
  a:
    type: 5
  b:
  c: {}
transfroms: {}
sinks:
  - x
name: "a\\nb"
`
  assert.deepEqual(problemsOf(text), [
    '4:3: this key is here twice',
    "8:1: unknown key 'transfroms', did you mean 'transforms'?",
    '5:11: expected the name of a type, got 5',
    "6:3: node 'b': expected its keys, at least type, got nothing",
    "7:6: node 'c' has no type",
    '10:3: sinks: expected a map of names to nodes, got a list',
    '11:7: expected a name of 1 to 200 printable characters, got "a\\nb"',
  ])
})

test('what is no YAML, or not one document of keys, is told in one line', () => {
  assert.deepEqual(problemsOf(''), ['1:1: the file is empty'])
  assert.deepEqual(problemsOf('- 1'), ['1:1: expected keys and values: sources, transforms, sinks'])
  assert.deepEqual(problemsOf('\ta: 1'), ['1:1: Tabs are not allowed as indentation'])
  assert.deepEqual(problemsOf('sources: {}\n---\nsinks: {}'), ['2:1: a second document (---): a file has one'])
  assert.match(problemsOf('a: [1')[0]!, /^1:6: .* must be sufficiently indented and end with a \]$/)
  assert.match(problemsOf(`sources: "${'x'.repeat(5_000_000)}"`)[0]!, /characters: a file has at most 4194304/)
})

test('values that JSON does not have, or that would be rounded, are refused', () => {
  const node = (value: string) => problemsOf(`sources: { a: { type: x, k: ${value} } }`)
  assert.deepEqual(node('9007199254740993'), ['1:29: 9007199254740993 would be rounded: put it in quotes'])
  assert.deepEqual(node('.inf'), ['1:29: .inf is no number that JSON has'])
  assert.deepEqual(node('!!binary aGk='), ['1:38: expected text, a number, true, false or null, got aGk='])
  assert.deepEqual(node('!mine x'), ['1:29: Unresolved tag: !mine'])
  assert.deepEqual(node('{ [1]: 2 }'), ['1:31: a key must be text'])
  assert.deepEqual(node('*none'), ['1:29: *none stands for nothing: &none is not above it'])
  assert.deepEqual(node('1.5e300'), [])
})

test('aliases are followed, and bombs and circles of them are defused', () => {
  const { nodes } = parsePipeline('sources: { a: &a { type: x, n: [1] }, b: *a }', 'p.yaml')
  assert.deepEqual(nodes[1]!.keys, { n: [1] })

  const levels = Array.from({ length: 12 }, (_, level) => `  n${level}: &n${level} [${`*n${level - 1},`.repeat(10)}]`)
  levels[0] = '  n0: &n0 [1]'
  const bomb = problemsOf(`sources:\n${levels.join('\n')}`)
  assert.equal(bomb.filter(problem => problem.includes('more than 100000 values')).length, 1)
  assert.match(problemsOf('sources: { a: &a { type: x, k: *a } }')[0]!, /nested deeper than 64 levels/)
  assert.deepEqual(problemsOf('['.repeat(20_000)), ['1:1: nested too deeply to be read'])
})

test('names that JavaScript has for itself are names', () => {
  const { nodes, problems } = parsePipeline(
    'sources: { __proto__: { type: x, constructor: 1, __proto__: { a: 1 } } }\nsinks: { toString: { type: y } }',
    'p.yaml',
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(
    nodes.map(({ name, keys }) => [name, Object.entries(keys)]),
    [
      [
        '__proto__',
        [
          ['constructor', 1],
          ['__proto__', { a: 1 }],
        ],
      ],
      ['toString', []],
    ],
  )
})

test('no text makes it throw, and every problem has a place', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'sources: {type}[]&*a!|>-\n\t"\'#%@`,?') }),
    fc.json(),
  )
  fc.assert(
    fc.property(text, input => {
      for (const { line, column } of parsePipeline(input, 'p.yaml').problems) assert.ok(line >= 1 && column >= 1)
    }),
    { numRuns: 2000 },
  )
})
