import { PipelineError } from '../../runtime/errors.ts'
import type { DuckDb } from '../duckdb/duckdb.ts'
import { readable } from './text.ts'
import { type Branch, isTree, parse, type Query, type Tree, walk } from './tree.ts'

/**
 * The nodes that SQL reads, in the order in which it names them, each once and as `nodes` spells it; a name that is no
 * node's stays as it is written.
 */
export async function inputsOf(sql: string, nodes: readonly string[]): Promise<string[]> {
  const { openDuckDb } = await import('../duckdb/instance.ts')
  const db = await openDuckDb()
  try {
    return await namesIn(db, sql, nodes)
  } finally {
    db.close()
  }
}

async function namesIn(db: DuckDb, sql: string, nodes: readonly string[]): Promise<string[]> {
  const { node } = await parse(db, readable(sql, nodes))
  const names = new Map<string, string>()
  for (const { table } of tablesOf(node)) {
    const name = nameOf(table)
    const known = nodes.find(candidate => candidate.toLowerCase() === name.toLowerCase())
    if (!names.has(name.toLowerCase())) names.set(name.toLowerCase(), known ?? name)
  }
  if (names.size === 0)
    throw new PipelineError('bad_pipeline', 'sql reads no source or transform: name one after FROM', { path: ['sql'] })
  return [...names.values()]
}

/** `catalog.schema.table`, as far as they are given */
export const nameOf = ({ catalog_name, schema_name, table_name }: Tree): string =>
  [catalog_name, schema_name, table_name].filter(part => part !== '').join('.')

export interface TableUse {
  /** of type BASE_TABLE */
  table: Tree
  /** the SELECT whose FROM it stands in */
  select: Tree
}

/** All tables that are no common table expression. */
export function tablesOf(query: Query, outer: ReadonlySet<string> = new Set()): TableUse[] {
  const found: TableUse[] = []
  const names = new Set(outer)
  // Each sees those before it, and a table of its own name
  for (const { key, value } of query.cte_map.map) {
    if (value.query.node.type === 'RECURSIVE_CTE_NODE') names.add(key.toLowerCase())
    found.push(...tablesOf(value.query.node, names))
    names.add(key.toLowerCase())
  }
  if (query.type === 'SELECT_NODE') {
    fromBranch(query.from_table, query, names, found)
    for (const key in query)
      if (key !== 'from_table' && key !== 'cte_map')
        walkQueries(query[key], inner => found.push(...tablesOf(inner, names)))
    return found
  }
  for (const side of [query.left, query.right]) if (isTree(side)) found.push(...tablesOf(side as Query, names))
  return found
}

function fromBranch(from: Branch | undefined, select: Tree, names: ReadonlySet<string>, found: TableUse[]): void {
  if (!isTree(from)) return
  if (from.type === 'BASE_TABLE') {
    const name = nameOf(from)
    if (!names.has(name.toLowerCase())) found.push({ table: from, select })
    return
  }
  for (const key in from)
    if (key === 'left' || key === 'right') fromBranch(from[key], select, names, found)
    else walkQueries(from[key], inner => found.push(...tablesOf(inner, names)))
}

/** The outermost queries in a branch. */
function walkQueries(branch: Branch | undefined, visit: (query: Query) => void): void {
  if (Array.isArray(branch)) for (const child of branch) walkQueries(child, visit)
  else if (isTree(branch)) {
    if (typeof branch.type === 'string' && branch.type.endsWith('_NODE') && isTree(branch.cte_map))
      visit(branch as Query)
    else for (const key in branch) walkQueries(branch[key], visit)
  }
}

/**
 * Lets tables that are nodes point to `tables.get(NODE)`, under the name by which columns call them: `a.b` is known as
 * `b` and as `a.b`.
 */
export function pointTables(query: Query, tables: ReadonlyMap<string, string>): void {
  for (const { table, select } of tablesOf(query)) {
    const name = nameOf(table)
    const target = [...tables].find(([node]) => node.toLowerCase() === name.toLowerCase())?.[1]
    if (target === undefined)
      throw new PipelineError(
        'bad_pipeline',
        `sql reads '${name}', and has the inputs ${[...tables.keys()].map(node => `'${node}'`).join(', ')}`,
        { path: ['sql'] },
      )
    const parts = name.split('.')
    table.alias = (table.alias as string) || parts.at(-1)!
    table.catalog_name = table.schema_name = ''
    table.table_name = target
    if (parts.length > 1) shorten(select, parts, table.alias as string)
  }
}

/** Column references by a table's long name become references by its alias. */
function shorten(select: Tree, parts: readonly string[], alias: string): void {
  const long = parts.join('.').toLowerCase()
  walk(select, tree => {
    if (tree.class === 'STAR' && String(tree.relation_name).toLowerCase() === long) tree.relation_name = alias
    if (tree.class !== 'COLUMN_REF') return
    const names = tree.column_names as string[]
    for (const length of [1, parts.length])
      if (names.length > length && names.slice(0, length).join('.').toLowerCase() === long)
        tree.column_names = [alias, ...names.slice(length)]
  })
}
