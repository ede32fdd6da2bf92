import { nearestName } from '../../core/nearest.ts'
import type { Json } from '../runtime/contract.ts'
import type { Problem } from './problem.ts'
import type { Place } from './topology.ts'
import { parseTree, type Report, type Tree } from './tree.ts'

export const sections = ['sources', 'transforms', 'sinks'] as const
export type Section = (typeof sections)[number]

/** A node as it is written, before anybody knows its type. */
export interface RawNode {
  section: Section
  name: string
  /** empty where there is none, which is a problem */
  type: string
  /** without `type` */
  keys: Readonly<Record<string, Json>>
  place: Place
  /** of the value at `path` within the node, or of its nearest part that is there */
  placeOf(path: readonly PropertyKey[]): Place
  placeOfKey(path: readonly PropertyKey[]): Place
  /** for `Problem.path` */
  pathOf(path: readonly PropertyKey[]): string
}

export interface ParsedPipeline {
  /** `name:` of the file */
  name: string | undefined
  nodes: readonly RawNode[]
  /** of a section, or of the file where it has none */
  placeOf(section: Section): Place
  problems: readonly Problem[]
}

/** Reads YAML (or JSON, which is YAML) into nodes. Never throws: whatever is wrong is a problem, and the rest is read. */
export function parsePipeline(text: string, file: string): ParsedPipeline {
  const problems: Problem[] = []
  const report: Report = (place, path, message) => {
    problems.push({ file, ...place, path: path.map(String).join('.'), message, severity: 'error' })
  }
  const tree = parseTree(text, report)
  if (tree === undefined) return { name: undefined, nodes: [], placeOf: () => start, problems }

  const { base, body } = unwrap(tree, report)
  const nodes = sections.flatMap(section => readSection(tree, base, body, section, report))
  const { name } = asMap(tree.value) ?? {}
  if (name !== undefined && (typeof name !== 'string' || !isName(name)))
    report(
      tree.placeOf(['name']),
      ['name'],
      `expected a name of 1 to 200 printable characters, got ${JSON.stringify(name)}`,
    )
  return {
    name: typeof name === 'string' ? name : undefined,
    nodes,
    placeOf: section => tree.placeOfKey([...base, section]),
    problems,
  }
}

const start: Place = { line: 1, column: 1 }

/** The part with the sections: the file, or what stands under `definition:`. */
function unwrap(tree: Tree, report: Report): { base: readonly string[]; body: Readonly<Record<string, Json>> } {
  const root = asMap(tree.value)
  if (root === undefined) {
    report(tree.placeOf([]), [], 'expected keys and values: sources, transforms, sinks')
    return { base: [], body: {} }
  }
  unknownKeys(tree, [], root, root.definition === undefined ? ['name', ...sections] : ['name', 'definition'], report)
  if (root.definition === undefined) return { base: [], body: root }
  const body = asMap(root.definition)
  if (body === undefined) report(tree.placeOf(['definition']), ['definition'], 'expected sources, transforms and sinks')
  else unknownKeys(tree, ['definition'], body, sections, report)
  return { base: ['definition'], body: body ?? {} }
}

function unknownKeys(
  tree: Tree,
  path: readonly string[],
  map: Readonly<Record<string, Json>>,
  known: readonly string[],
  report: Report,
): void {
  for (const key of Object.keys(map)) {
    if (known.includes(key)) continue
    const guess = nearestName(key, known)
    const hint = guess === undefined ? `: here are ${known.join(', ')}` : `, did you mean '${guess}'?`
    report(tree.placeOfKey([...path, key]), [...path, key], `unknown key '${key}'${hint}`)
  }
}

function readSection(
  tree: Tree,
  base: readonly string[],
  body: Readonly<Record<string, Json>>,
  section: Section,
  report: Report,
): RawNode[] {
  const value = Object.hasOwn(body, section) ? body[section] : undefined
  if (value === undefined || value === null) return []
  const map = asMap(value)
  const path = [...base, section]
  if (map === undefined) {
    report(tree.placeOf(path), path, `${section}: expected a map of names to nodes, got ${kindOf(value)}`)
    return []
  }
  return Object.entries(map).map(([name, node]) => {
    const here = [...path, name]
    const place = tree.placeOfKey(here)
    if (!isName(name)) report(place, here, 'the name of a node has 1 to 200 printable characters')
    const keys = asMap(node)
    if (keys === undefined) report(place, here, `node '${name}': expected its keys, at least type, got ${kindOf(node)}`)
    const { type, ...rest } = keys ?? {}
    const isType = typeof type === 'string' && type !== ''
    if (keys !== undefined && !isType) {
      const message =
        type === undefined ? `node '${name}' has no type` : `expected the name of a type, got ${kindOf(type)}`
      report(tree.placeOf([...here, 'type']), [...here, 'type'], message)
    }
    return {
      section,
      name,
      type: isType ? type : '',
      keys: rest,
      place,
      placeOf: within => tree.placeOf([...here, ...within]),
      placeOfKey: within => tree.placeOfKey([...here, ...within]),
      pathOf: within => [...here, ...within].map(String).join('.'),
    }
  })
}

const isName = (name: string) => /^[^\p{Cc}]{1,200}$/u.test(name)

function asMap(value: Json | undefined): Readonly<Record<string, Json>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : undefined
}

function kindOf(value: Json): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'keys and values' : JSON.stringify(value)
}
