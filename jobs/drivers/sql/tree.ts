import type { Json } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { type DuckDb, literal } from '../duckdb/duckdb.ts'

/**
 * SQL as the tree that DuckDB's own parser makes of it (`json_serialize_sql`), and back. Only what this room looks at
 * has a name here; all else is kept as it is.
 */
export interface Tree {
  [key: string]: Branch
}
export type Branch = null | boolean | number | string | Tree | Branch[]

export interface Query extends Tree {
  type: 'SELECT_NODE' | 'SET_OPERATION_NODE' | 'RECURSIVE_CTE_NODE' | 'CTE_NODE'
  modifiers: Tree[]
  cte_map: { map: { key: string; value: Tree & { query: { node: Query } } }[] }
}

export interface Select extends Query {
  type: 'SELECT_NODE'
  select_list: Expression[]
  from_table: Tree & { type: string }
}

export interface Expression extends Tree {
  class: string
  type: string
  alias: string
}

export interface Statement {
  node: Query
  /** the whole of what was parsed */
  root: Tree
}

/** Parses one SELECT; throws `bad_pipeline` with the place of what is wrong, `linesBefore` lines less. */
export async function parse(db: DuckDb, sql: string, linesBefore = 0): Promise<Statement> {
  const [row] = await db.rows(`select json_serialize_sql(${literal(sql)})::varchar as tree`)
  const root = JSON.parse(row!.tree as string, keepIntegers) as Tree
  if (root.error !== false) throw refused(root, sql, linesBefore)
  const [statement, ...others] = root.statements as Tree[]
  if (statement === undefined) throw new PipelineError('bad_pipeline', 'sql must be one SELECT, and is empty', sqlPath)
  if (others.length > 0)
    throw new PipelineError('bad_pipeline', `sql must be one SELECT, and is ${1 + others.length} statements`, sqlPath)
  return { node: statement.node as Query, root }
}

/** SQL that says the same as the tree. */
export async function render(db: DuckDb, { root }: Statement): Promise<string> {
  const [row] = await db.rows(`select json_deserialize_sql(${literal(JSON.stringify(root))}) as sql`)
  return row!.sql as string
}

const sqlPath = { path: ['sql'] }

/** Numbers beyond those that JavaScript holds keep their digits through `JSON.stringify`. */
function keepIntegers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context?.source === undefined) return value
  return (JSON as unknown as { rawJSON(text: string): Json }).rawJSON(context.source)
}

function refused({ error_message, error_type, position }: Tree, sql: string, before: number): PipelineError {
  if (error_type === 'not implemented')
    return new PipelineError(
      'bad_pipeline',
      'sql must be one SELECT: it reads rows of other nodes, and changes nothing',
    )
  const read = position === undefined ? undefined : Buffer.from(sql).subarray(0, Number(position)).toString()
  const lines = read?.split('\n')
  const place = lines === undefined ? '' : ` (line ${lines.length - before}, column ${lines.at(-1)!.length + 1})`
  return new PipelineError('bad_pipeline', `sql cannot be read: ${error_message}${place}`, sqlPath)
}

export const isTree = (branch: Branch | undefined): branch is Tree =>
  typeof branch === 'object' && branch !== null && !Array.isArray(branch)

/** Calls `visit` for every object of the tree, from the outside in; what is kept as raw digits is none. */
export function walk(branch: Branch | undefined, visit: (tree: Tree) => void): void {
  if (Array.isArray(branch)) for (const child of branch) walk(child, visit)
  else if (isTree(branch)) {
    visit(branch)
    for (const key in branch) walk(branch[key], visit)
  }
}

/** Names of all functions that are called, in lower case, without operators. */
export function functionsOf(branch: Branch): Set<string> {
  const names = new Set<string>()
  walk(branch, tree => {
    if (tree.class === 'FUNCTION' && tree.is_operator === false) names.add(String(tree.function_name).toLowerCase())
  })
  return names
}
