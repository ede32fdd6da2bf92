import { nearestName } from '../../core/nearest.ts'
import type { RawNode } from './parse.ts'

/** A node as the graph sees it. */
export interface GraphNode {
  raw: RawNode
  kind: 'source' | 'transform' | 'table' | 'sink'
  /** names as the node has them; undefined: they cannot be told, since its keys or its SQL are broken */
  inputs: readonly string[] | undefined
}

export interface GraphProblem {
  raw: RawNode | undefined
  /** within the node; none: its name */
  path: readonly string[]
  message: string
}

export interface Graph {
  problems: readonly GraphProblem[]
  /** names in topological order, without those whose inputs are not all there */
  order: readonly string[]
  /** names of nodes that a problem here is about: what they hang on cannot be opened */
  broken: ReadonlySet<string>
}

export function buildGraph(nodes: readonly GraphNode[]): Graph {
  const problems: GraphProblem[] = []
  const broken = new Set<string>()
  const blame = ({ raw }: GraphNode, path: readonly string[], message: string) => {
    broken.add(raw.name)
    problems.push({ raw, path, message })
  }

  const byName = new Map<string, GraphNode>()
  const byCase = new Map<string, GraphNode>()
  for (const node of nodes) {
    const { name, section } = node.raw
    const same = byName.get(name) ?? byCase.get(name.toLowerCase())
    if (same === undefined) {
      byName.set(name, node)
      byCase.set(name.toLowerCase(), node)
      continue
    }
    const { name: taken } = same.raw
    const there = `${same.raw.section}.${taken} in line ${same.raw.place.line}`
    // of two with one name the first keeps it, and what reads it is looked at
    if (taken === name)
      problems.push({ raw: node.raw, path: [], message: `'${name}' under ${section}: the name is taken by ${there}` })
    else
      blame(
        node,
        [],
        `'${name}' and '${taken}' differ only in case, which SQL does not see: rename this one or ${there}`,
      )
  }

  const readable = nodes.filter(({ kind }) => kind === 'source' || kind === 'transform').map(({ raw }) => raw.name)
  for (const node of nodes)
    for (const input of node.inputs ?? []) {
      const message = whyNot(input, byName.get(input), readable)
      if (message !== undefined) blame(node, pathOfInput(node), message)
    }

  for (const circle of circles(nodes, byName)) {
    const names = circle.map(({ raw }) => raw.name)
    const first = circle[0]!
    blame(first, pathOfInput(first), `nodes read each other in a circle: ${[...names, names[0]].join(' → ')}`)
    for (const name of names) broken.add(name)
  }
  const orphans = orphansOf(nodes, readable)
  if (orphans.length > 0) {
    const names = orphans.map(({ raw }) => raw.name).join(', ')
    const message = `Source(s) and/or transform(s) have no consumers: ${names}. Remove them or connect them to a transform or sink.`
    problems.push({ raw: orphans[0]!.raw, path: [], message })
  }
  for (const raw of mixedUp(nodes)) problems.push(raw)
  return { problems, order: sort(nodes, byName, broken), broken }
}

/** Why a node cannot be read; undefined: it can. */
function whyNot(input: string, node: GraphNode | undefined, readable: readonly string[]): string | undefined {
  if (node === undefined) {
    const guess = nearestName(input, readable)
    return `there is no source or transform '${input}'${guess === undefined ? '' : `, did you mean '${guess}'?`}`
  }
  if (node.kind === 'sink') return `'${input}' is a sink, which hands on no rows`
  if (node.kind === 'table')
    return `'${input}' is a dynamic table, which hands on no rows: look values up with dynamic_table_check('${input}', …)`
  return undefined
}

function pathOfInput({ raw }: GraphNode): readonly string[] {
  const key = ['from', 'sql'].find(name => Object.hasOwn(raw.keys, name))
  return key === undefined ? [] : [key]
}

/** Each circle once, from the node of it that comes first in the file. */
function circles(nodes: readonly GraphNode[], byName: ReadonlyMap<string, GraphNode>): GraphNode[][] {
  const found: GraphNode[][] = []
  const done = new Set<GraphNode>()
  for (const start of nodes) {
    // steps back along inputs, without recursion: a chain may be long
    const path: { node: GraphNode; next: number }[] = done.has(start) ? [] : [{ node: start, next: 0 }]
    const onPath = new Set<GraphNode>(path.map(({ node }) => node))
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const name = top.node.inputs?.[top.next++]
      if (name === undefined) {
        done.add(top.node)
        onPath.delete(top.node)
        path.pop()
        continue
      }
      const input = byName.get(name)
      if (input === undefined || done.has(input)) continue
      if (onPath.has(input)) {
        const circle = path.slice(path.findIndex(({ node }) => node === input)).map(({ node }) => node)
        found.push(fromFirst(circle.reverse(), nodes))
      } else {
        path.push({ node: input, next: 0 })
        onPath.add(input)
      }
    }
  }
  return found
}

function fromFirst(circle: readonly GraphNode[], nodes: readonly GraphNode[]): GraphNode[] {
  const first = circle.indexOf(nodes.find(node => circle.includes(node))!)
  return [...circle.slice(first), ...circle.slice(0, first)]
}

/** None where the readers of some node cannot be told; a misspelt name reads the node that was meant. */
function orphansOf(nodes: readonly GraphNode[], readable: readonly string[]): GraphNode[] {
  if (nodes.some(({ inputs }) => inputs === undefined)) return []
  const known = new Set(readable)
  const meant = (input: string) => (known.has(input) ? input : nearestName(input, readable))
  const read = new Set(nodes.flatMap(({ inputs }) => inputs ?? []).map(meant))
  return nodes.filter(({ kind, raw }) => (kind === 'source' || kind === 'transform') && !read.has(raw.name))
}

/** Positions are kept under SOURCE:PARTITION, where `a:b` could be taken for a partition of `a`. */
function mixedUp(nodes: readonly GraphNode[]): GraphProblem[] {
  const sources = nodes.filter(({ kind }) => kind === 'source').map(({ raw }) => raw)
  const names = new Set(sources.map(({ name }) => name))
  return sources.flatMap(raw => {
    const parts = raw.name.split(':')
    const prefix = parts.map((_, index) => parts.slice(0, index).join(':')).find(name => names.has(name))
    if (prefix === undefined) return []
    return [{ raw, path: [], message: `the state of '${raw.name}' could be taken for that of '${prefix}': rename one` }]
  })
}

/** In the order of the file as far as inputs allow; a dynamic table as early as it can be. */
function sort(
  nodes: readonly GraphNode[],
  byName: ReadonlyMap<string, GraphNode>,
  broken: ReadonlySet<string>,
): string[] {
  const waiting = new Map<GraphNode, number>()
  const readers = new Map<string, GraphNode[]>()
  for (const node of nodes) {
    if (node.inputs === undefined || broken.has(node.raw.name) || byName.get(node.raw.name) !== node) continue
    const inputs = new Set(node.inputs)
    waiting.set(node, inputs.size)
    for (const input of inputs) readers.set(input, [...(readers.get(input) ?? []), node])
  }
  const order: string[] = []
  const place = (node: GraphNode) => {
    waiting.delete(node)
    order.push(node.raw.name)
    for (const reader of readers.get(node.raw.name) ?? []) waiting.set(reader, waiting.get(reader)! - 1)
    // tables that are ready now go before the readers of the same node
    for (const [table, missing] of waiting) if (table.kind === 'table' && missing === 0) place(table)
  }
  for (const [table, missing] of waiting) if (table.kind === 'table' && missing === 0) place(table)
  for (let ready = firstReady(waiting); ready !== undefined; ready = firstReady(waiting)) place(ready)
  return order
}

function firstReady(waiting: ReadonlyMap<GraphNode, number>): GraphNode | undefined {
  for (const [node, missing] of waiting) if (missing === 0) return node
  return undefined
}
