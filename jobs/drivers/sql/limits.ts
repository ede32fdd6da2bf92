import { PipelineError } from '../../runtime/errors.ts'
import { type Branch, isTree, type Tree, walk } from './tree.ts'

/**
 * SQL sees one batch of rows at a time, of which nobody knows where it ends: what would mean something else for a
 * batch than for all rows is refused.
 */
const joins = 'joins need rows of other batches, too: look values up with dynamic_table_check, or join in the database'
const groups = 'it would aggregate each batch by itself: use an aggregate sink'
const order = 'it would hold for each batch by itself: leave it to the reader of the sink'

/** What makes rows of a row: allowed after FROM and CROSS JOIN. */
const rowFunctions = new Set(['unnest', 'generate_series', 'range'])

/** Throws `bad_pipeline` for what a stateless SELECT cannot be. `aggregates`: names of DuckDB's aggregate functions. */
export function checkLimits(tree: Branch, aggregates: ReadonlySet<string>): void {
  walk(tree, node => {
    const why = refusal(node, aggregates)
    if (why !== undefined) throw new PipelineError('bad_pipeline', `sql ${why}`, { path: ['sql'] })
  })
}

function refusal(node: Tree, aggregates: ReadonlySet<string>): string | undefined {
  if (node.class !== undefined) return expressionRefusal(node, aggregates)
  switch (node.type) {
    case 'SELECT_NODE':
      return selectRefusal(node) ?? modifierRefusal(node)
    case 'SET_OPERATION_NODE':
      if (node.setop_type !== 'UNION' || node.setop_all !== true)
        return `uses ${String(node.setop_type).replaceAll('_', ' ')}${node.setop_all ? ' ALL' : ''}: only UNION ALL keeps no memory of rows`
      return modifierRefusal(node)
    case 'RECURSIVE_CTE_NODE':
      return 'uses a recursive WITH, which is not supported'
    case 'JOIN':
      return joinRefusal(node)
    case 'TABLE_FUNCTION': {
      const name = functionName(node)
      return rowFunctions.has(name) ? undefined : `reads from ${name}(…): rows come from sources and transforms only`
    }
    case 'SHOW_REF':
      return 'uses DESCRIBE or SHOW, which tells nothing of rows'
    case 'PIVOT':
      return `uses PIVOT or UNPIVOT: ${groups}`
    default:
      return node.sample != null ? 'uses a sample, which would differ when rows are read again' : undefined
  }
}

function expressionRefusal(node: Tree, aggregates: ReadonlySet<string>): string | undefined {
  const name = String(node.function_name ?? '').toLowerCase()
  if (node.class === 'WINDOW') return `uses the window function ${name}(…) OVER: it would see one batch only`
  if (node.class === 'SUBQUERY') return `uses a subquery in an expression (IN (SELECT …), EXISTS): ${joins}`
  if (node.class === 'PARAMETER') return 'uses a parameter ($1 or ?), which has no value here'
  if (node.class !== 'FUNCTION') return undefined
  if (aggregates.has(name)) return `uses the aggregate ${name === 'count_star' ? 'count' : name}(…): ${groups}`
  if (node.distinct === true || node.filter != null) return `uses DISTINCT or FILTER in ${name}(…): ${groups}`
  return undefined
}

function selectRefusal(node: Tree): string | undefined {
  const grouped = (node.group_expressions as Branch[]).length > 0 || node.aggregate_handling !== 'STANDARD_HANDLING'
  if (grouped) return `uses GROUP BY: ${groups}`
  if (node.having !== null) return `uses HAVING: ${groups}`
  if (node.qualify !== null) return 'uses QUALIFY: it would see one batch only'
  if (node.sample !== null) return 'uses a sample, which would differ when rows are read again'
  return undefined
}

function modifierRefusal(node: Tree): string | undefined {
  for (const modifier of node.modifiers as Tree[]) {
    if (modifier.type === 'DISTINCT_MODIFIER') return `uses DISTINCT: ${groups}`
    if (modifier.type === 'ORDER_MODIFIER') return `uses ORDER BY: ${order}`
    return `uses LIMIT or OFFSET: ${order}`
  }
  return undefined
}

function joinRefusal({ right, ref_type, join_type, using_columns }: Tree): string | undefined {
  const unnests = isTree(right) && right.type === 'TABLE_FUNCTION' && rowFunctions.has(functionName(right))
  const plain = (join_type === 'INNER' || join_type === 'LEFT') && (ref_type === 'CROSS' || ref_type === 'REGULAR')
  return unnests && plain && (using_columns as Branch[]).length === 0 ? undefined : `joins: ${joins}`
}

const functionName = (node: Tree) => String((node.function as Tree).function_name).toLowerCase()
