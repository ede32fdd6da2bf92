import { typeOf } from '../../../runtime/batch/types.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import { sqlTypeOf } from '../../duckdb/types.ts'
import { type Expression, type Tree, walk } from '../tree.ts'
import { countedCall } from './sizes.ts'

/** Calls that only have another name, and those whose number of arguments tells which function is meant. */
const names: Readonly<Record<string, string>> = {
  regexp_like: 'regexp_matches',
  make_array: 'list_value',
  make_list: 'list_value',
  string_to_list: 'string_to_array',
  json_array: 'mr_json_array',
  json_object: 'mr_json_object',
  json_quote: 'mr_json_quote',
  '~*': 'mr_regexp_like_i',
  '!~*': 'mr_regexp_unlike_i',
}

/** Changes calls of functions that no macro can stand for. `castTo` gives a tree of a cast to a type. */
export async function rewriteCalls(root: Tree, castTo: (type: string) => Promise<Expression>): Promise<void> {
  const casts: Tree[] = []
  const ofTables = new Set<Tree>()
  walk(root, node => {
    // After FROM they make rows one by one, and not a value
    if (node.type === 'TABLE_FUNCTION') ofTables.add(node.function as Tree)
    if (node.class !== 'FUNCTION') return
    const name = String(node.function_name).toLowerCase()
    const children = node.children as Expression[]
    const counted = ofTables.has(node) ? undefined : countedCall(name, children)
    if (counted === 'mr_format') children[0] = callOf(counted, children[0]!)
    else if (counted !== undefined) rename(node, counted)
    else if (Object.hasOwn(names, name)) rename(node, names[name]!)
    else if (name === 'array_filter' && children.length === 3) rename(node, 'mr_array_filter')
    else if (name === 'named_struct') nameFields(node, children)
    else if (name === 'struct') {
      for (const [index, child] of children.entries()) child.alias = `c${index}`
      rename(node, 'struct_pack')
    } else if (name === 'regexp_match') rename(node, `mr_regexp_match_${groupsOf(children[1], children.length)}`)
    else if (name === 'arrow_cast') casts.push(node)
  })
  for (const node of casts) {
    const [value, type] = node.children as Expression[]
    const cast = await castTo(sqlTypeOf(typeOf(textOf(type, 'arrow_cast: the type'))))
    for (const key of Object.keys(node)) if (key !== 'alias' && key !== 'query_location') delete node[key]
    const { alias: _alias, query_location: _place, ...rest } = cast
    Object.assign(node, rest, { child: value! })
  }
}

function rename(node: Tree, name: string): void {
  node.function_name = name
  node.catalog = node.schema = ''
  node.is_operator = false
}

/** `name(argument)` */
function callOf(name: string, argument: Expression): Expression {
  return {
    class: 'FUNCTION',
    type: 'FUNCTION',
    alias: '',
    query_location: argument.query_location!,
    function_name: name,
    catalog: '',
    schema: '',
    children: [argument],
    filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] },
    distinct: false,
    is_operator: false,
    export_state: false,
  }
}

/** `named_struct('a', 1, 'b', 2)` */
function nameFields(node: Tree, children: readonly Expression[]): void {
  if (children.length % 2 === 1) throw refused('named_struct takes names and values, an even number of them')
  node.children = children.flatMap((child, index) =>
    index % 2 === 1 ? [{ ...child, alias: textOf(children[index - 1], 'named_struct: a name') }] : [],
  )
  rename(node, 'struct_pack')
}

/** How many groups a pattern has; `regexp_match` gives a list of theirs, or of the whole match where there are none. */
function groupsOf(pattern: Expression | undefined, count: number): number {
  if (count !== 2) throw refused('regexp_match takes a text and a pattern here: write flags into the pattern, as (?i)')
  const text = textOf(pattern, 'regexp_match: the pattern')
  const plain = text.replace(/\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]])*\]/g, '')
  const groups = plain.match(/\((?!\?)|\(\?P?<[^=!]/g)?.length ?? 0
  if (groups > 9) throw refused(`regexp_match: the pattern has ${groups} groups, and 9 are possible`)
  return groups
}

function textOf(expression: Expression | undefined, what: string): string {
  const value = (expression?.value as Tree | undefined)?.value
  if (expression?.class === 'CONSTANT' && typeof value === 'string') return value
  throw refused(`${what} must be a text literal`)
}

const refused = (message: string) => new PipelineError('bad_pipeline', `sql: ${message}`, { path: ['sql'] })

/** `mr_regexp_match_N`, by N. */
export const matchMacros = Object.fromEntries(
  Array.from({ length: 10 }, (_, groups) => {
    const parts = groups === 0 ? [0] : Array.from({ length: groups }, (_, index) => index + 1)
    const list = parts.map(part => `system.main.regexp_extract(s, p, ${part})`).join(', ')
    return [`mr_regexp_match_${groups}`, `(s, p) as case when regexp_matches(s, p) then [${list}] end`]
  }),
)
