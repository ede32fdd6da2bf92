import { AppError } from '../../../../core/errors.ts'
import { type Token, tokensOf } from './lexer.ts'

/** What a query may read; everything else of the database (`tokens` above all) is refused. */
const dataTables = /^(streams|dead_letters|jobs|job_runs|(events|otlp_\w+?)(_default|_\d{8})?)$/

/** Functions that tell of the server or run SQL though they count as harmless, and those that count as none but are. */
const refusedFunctions =
  /^(pg_(?!typeof$|column_size$).*|.*_to_xml.*|current_setting|has_.*_privilege|ts_(stat|rewrite)|txid_.*|inet_.*|lo_.*|loread|lowrite|.*description|to_reg.*|binary_upgrade_.*|row_security_active|version|current_schemas)$/
const allowedVolatile = new Set(['random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'clock_timestamp'])

/** Of a function's name: `harmless` where all that have it are Postgres' own and change nothing. */
export interface KnownFunction {
  name: string
  harmless: boolean
}

/** What the server knows as functions; those of other schemas are reached by a qualified name only, which is refused. */
export const functionsSql = `select p.proname as name, bool_or(n.nspname = 'pg_catalog')
    and bool_and(n.nspname <> current_schema() and (n.nspname <> 'pg_catalog' or p.provolatile <> 'v')) as harmless
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace group by 1`

export type Functions = ReadonlyMap<string, boolean>
export const functionsOf = (known: readonly KnownFunction[]): Functions =>
  new Map(
    known.map(({ name, harmless }) => [name, allowedVolatile.has(name) || (harmless && !refusedFunctions.test(name))]),
  )

/**
 * Refuses what is not one SELECT, and calls of functions that reach files, other sessions, the settings or time itself.
 * Which tables it reads is told by the plan: see `checkPlan`.
 */
export function checkSql(sql: string, functions: Functions): Token[] {
  const tokens = tokensOf(sql)
  if (tokens === undefined)
    throw refused('a literal, a name or a comment in it does not end, or it has a name as U&"…"')
  const [start] = tokens
  if (start?.kind !== 'word' || !/^(select|with|values)$/.test(start.text))
    throw refused('it must be one SELECT (or WITH … SELECT, or VALUES)')
  tokens.forEach((token, k) => {
    if (token.text === ';' && token.kind === 'other' && k < tokens.length - 1) throw refused('it has two statements')
    if (token.kind === 'word' && token.text === 'operator') throw refused('it names an operator of a schema')
    if (token.kind !== 'word' && token.kind !== 'name') return
    if (tokens[k + 1]?.text !== '(' || tokens[k + 1]!.kind !== 'other') return
    const schema = tokens[k - 1]?.text === '.' ? tokens[k - 2]?.text : undefined
    if (schema !== undefined && schema !== 'pg_catalog') throw refused(`it calls ${schema}.${token.text}`)
    if (functions.get(token.text) === false) throw refused(`it calls ${token.text}`)
  })
  return tokens
}

/** Refuses a plan (`EXPLAIN (FORMAT JSON, VERBOSE)`) that reads other tables than those of data, or calls what is refused. */
export function checkPlan(plan: unknown, schema: string, functions: Functions): void {
  if (typeof plan !== 'object' || plan === null) return
  const node = plan as Record<string, unknown>
  const table = node['Relation Name']
  if (typeof table === 'string' && (node.Schema !== schema || !dataTables.test(table)))
    throw refused('it reads a table that holds no data of streams')
  const called = node['Function Name']
  if (typeof called === 'string' && (node.Schema !== 'pg_catalog' || functions.get(called) !== true))
    throw refused(`it calls ${called}`)
  for (const value of Object.values(node)) checkPlan(value, schema, functions)
}

/** `?` as parameters, as other stores have them, where there are values for them and it has no `$1`. */
export function numberParameters(sql: string, tokens: readonly Token[], count: number): string {
  if (count === 0 || tokens.some(token => token.kind === 'parameter')) return sql
  let [text, at, number] = ['', 0, 0]
  for (const token of tokens) {
    if (token.kind !== 'other' || token.text !== '?') continue
    text += `${sql.slice(at, token.start)}$${++number}`
    at = token.end
  }
  return text + sql.slice(at)
}

/**
 * True where `text` is one SQL expression that stays inside the parentheses put around it: brackets balance outside
 * literals, and there is no comment, statement end, parameter or subquery.
 */
export function isPlainExpression(text: string): boolean {
  const tokens = tokensOf(text)
  if (tokens === undefined || tokens.length === 0) return false
  let [open, end] = [0, 0]
  for (const token of tokens) {
    // between words there is white space and no comment
    if (/\S/.test(text.slice(end, token.start))) return false
    end = token.end
    if (token.kind === 'parameter') return false
    if (token.kind === 'word' && /^(select|with|values|table)$/.test(token.text)) return false
    if (token.kind !== 'other') continue
    if (token.text === ';' || token.text === '?') return false
    if (token.text === '(') open++
    if (token.text === ')' && --open < 0) return false
  }
  return open === 0 && text.slice(end).trim() === ''
}

export const refused = (why: string) => new AppError('bad_query', `the SQL is refused: ${why}`)
