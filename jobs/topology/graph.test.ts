import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildGraph, type GraphNode } from './graph.ts'
import type { Section } from './parse.ts'

const sectionOf: Readonly<Record<GraphNode['kind'], Section>> = {
  source: 'sources',
  transform: 'transforms',
  table: 'transforms',
  sink: 'sinks',
}

let line = 0

/** `node('sink', 'out', 'a')`: a sink that reads a. */
function node(kind: GraphNode['kind'], name: string, ...inputs: string[]): GraphNode {
  const place = { line: ++line, column: 3 }
  const raw: GraphNode['raw'] = {
    section: sectionOf[kind],
    name,
    type: kind,
    keys: { from: inputs[0] ?? null },
    place,
    placeOf: () => place,
    placeOfKey: () => place,
    pathOf: () => name,
  }
  return { raw, kind, inputs }
}

const messages = (nodes: GraphNode[]) =>
  buildGraph(nodes).problems.map(({ raw, message }) => `${raw?.name}: ${message}`)

test('whatever a node reads stands before it, in the order of the file where that is free', () => {
  const nodes = [
    node('sink', 'out', 'late'),
    node('transform', 'late', 'early'),
    node('transform', 'early', 'b'),
    node('source', 'a'),
    node('source', 'b'),
    node('sink', 'other', 'a'),
  ]
  assert.deepEqual(buildGraph(nodes), {
    problems: [],
    order: ['a', 'b', 'early', 'late', 'out', 'other'],
    broken: new Set(),
  })
})

test('dynamic tables stand before other readers of the same node, and need no reader themselves', () => {
  const nodes = [
    node('source', 'rows'),
    node('transform', 'known', 'rows'),
    node('table', 'seen', 'rows'),
    node('table', 'outside'),
    node('table', 'second', 'known'),
    node('sink', 'out', 'known'),
  ]
  assert.deepEqual(buildGraph(nodes).order, ['outside', 'rows', 'seen', 'known', 'second', 'out'])
  assert.deepEqual(messages(nodes), [])
})

test('nodes that nobody reads are told in one sentence, unless the readers of some node cannot be told', () => {
  const nodes = [node('source', 'a'), node('source', 'b'), node('transform', 't', 'b'), node('sink', 'out', 'b')]
  assert.deepEqual(messages(nodes), [
    'a: Source(s) and/or transform(s) have no consumers: a, t. Remove them or connect them to a transform or sink.',
  ])
  assert.deepEqual(messages([...nodes, { ...node('transform', 'join'), inputs: undefined }]), [])
})

test('a circle is named once, from its first node, and what hangs on it is left out', () => {
  const nodes = [
    node('source', 'rows'),
    node('transform', 'a', 'c'),
    node('transform', 'b', 'a'),
    node('transform', 'c', 'b', 'rows'),
    node('transform', 'self', 'self'),
    node('sink', 'out', 'c'),
    node('sink', 'fine', 'rows'),
  ]
  assert.deepEqual(messages(nodes), [
    'a: nodes read each other in a circle: a → b → c → a',
    'self: nodes read each other in a circle: self → self',
  ])
  assert.deepEqual(buildGraph(nodes).order, ['rows', 'fine'])
})

test('what is not there, or hands on no rows, cannot be read', () => {
  const nodes = [
    node('source', 'raw_rows'),
    node('table', 'vips', 'raw_rows'),
    node('sink', 'out', 'raw_row'),
    node('sink', 'more', 'out'),
    node('sink', 'third', 'vips'),
    node('sink', 'fourth', 'something'),
    node('sink', 'good', 'raw_rows'),
  ]
  assert.deepEqual(messages(nodes), [
    "out: there is no source or transform 'raw_row', did you mean 'raw_rows'?",
    "more: 'out' is a sink, which hands on no rows",
    "third: 'vips' is a dynamic table, which hands on no rows: look values up with dynamic_table_check('vips', …)",
    "fourth: there is no source or transform 'something'",
  ])
  assert.deepEqual(buildGraph(nodes).order, ['raw_rows', 'vips', 'good'])
})

test('a name is taken once, whatever its case', () => {
  line = 0
  const nodes = [node('source', 'rows'), node('sink', 'rows', 'rows'), node('sink', 'Rows', 'rows')]
  assert.deepEqual(messages(nodes), [
    "rows: 'rows' under sinks: the name is taken by sources.rows in line 1",
    "Rows: 'Rows' and 'rows' differ only in case, which SQL does not see: rename this one or sources.rows in line 1",
  ])
})

test('two sources whose state could be mixed up are refused', () => {
  const nodes = [node('source', 'a'), node('source', 'a:b'), node('sink', 's', 'a'), node('sink', 't', 'a:b')]
  assert.deepEqual(messages(nodes), ["a:b: the state of 'a:b' could be taken for that of 'a': rename one"])
})

test('of any graph, all nodes are in the order or behind a problem, each once and after what it reads', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const graph = fc.array(
    fc.record({
      kind: fc.constantFrom<GraphNode['kind']>('transform', 'table', 'sink'),
      inputs: fc.uniqueArray(fc.constantFrom('root', ...names, 'nobody'), { minLength: 1, maxLength: 3 }),
    }),
    { maxLength: names.length },
  )
  fc.assert(
    fc.property(graph, parts => {
      const nodes = [node('source', 'root'), ...parts.map(({ kind, inputs }, at) => node(kind, names[at]!, ...inputs))]
      const { order, problems } = buildGraph(nodes)
      assert.equal(new Set(order).size, order.length)
      for (const [at, name] of order.entries())
        for (const input of nodes.find(({ raw }) => raw.name === name)!.inputs!)
          assert.ok(order.indexOf(input) >= 0 && order.indexOf(input) < at)
      if (order.length < nodes.length) assert.ok(problems.length > 0)
    }),
    { numRuns: 2000 },
  )
})

test('a chain of ten thousand nodes needs no deep stack', () => {
  const chain = Array.from({ length: 10_000 }, (_, at) => node('transform', `t${at}`, at === 0 ? 'root' : `t${at - 1}`))
  const nodes = [...chain.reverse(), node('source', 'root'), node('sink', 'out', 't9999')]
  assert.equal(buildGraph(nodes).order.length, nodes.length)
})
