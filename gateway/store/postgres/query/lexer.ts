/** The words of an SQL text as Postgres cuts them, so far as to tell what stands in literals and comments and what not. */

export interface Token {
  /** `name` is a quoted name; `other` a bracket, a comma, an operator */
  kind: 'word' | 'name' | 'text' | 'number' | 'parameter' | 'other'
  /** a word folded to lower case, a name without its quotes; else as it stands */
  text: string
  start: number
  end: number
}

const patterns: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /(?:\s+|--[^\n\r]*)/y],
  ['text', /[eE]'(?:[^'\\]|''|\\[\s\S])*'/y],
  ['text', /(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'/y],
  ['name', /"(?:[^"]|"")+"/y],
  ['number', /(?:0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y],
  ['parameter', /\$\d+/y],
  ['word', /[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*/y],
  ['other', /::|:=|\.\.|[+\-*/<>=~!@#%^&|`?]+|[\s\S]/y],
]

/** Undefined where a literal, name or comment does not end, or a name is written by code points (`U&"…"`). */
export function tokensOf(sql: string): Token[] | undefined {
  const tokens: Token[] = []
  for (let at = 0; at < sql.length; ) {
    if (sql.startsWith('/*', at)) {
      const end = commentEnd(sql, at)
      if (end === undefined) return undefined
      at = end
      continue
    }
    const token = dollarText(sql, at) ?? match(sql, at)
    if (token.kind === 'other' && /^['"]/.test(token.text)) return undefined
    if (token.kind === 'name' && /[uU]&$/.test(sql.slice(Math.max(at - 2, 0), at))) return undefined
    if (token.end === at) return undefined
    if (token.kind !== 'space') tokens.push(token as Token)
    at = token.end
  }
  return tokens
}

type Cut = Omit<Token, 'kind'> & { kind: Token['kind'] | 'space' }

function match(sql: string, start: number): Cut {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = start
    const found = pattern.exec(sql)?.[0]
    if (found === undefined) continue
    if (kind === 'word') return { kind, text: found.toLowerCase(), start, end: start + found.length }
    if (kind === 'name')
      return { kind, text: found.slice(1, -1).replaceAll('""', '"'), start, end: start + found.length }
    // a comment may begin inside of what would be an operator, as in `+--`
    const comment = kind === 'other' ? found.slice(1).search(/--|\/\*/) : -1
    const text = comment < 0 ? found : found.slice(0, comment + 1)
    return { kind, text, start, end: start + text.length }
  }
  throw new Error('the last pattern takes any character')
}

/** `$$…$$` or `$tag$…$tag$`; one that does not end has no length. */
function dollarText(sql: string, start: number): Cut | undefined {
  dollar.lastIndex = start
  const tag = dollar.exec(sql)?.[0]
  if (tag === undefined) return undefined
  const close = sql.indexOf(tag, start + tag.length)
  const end = close < 0 ? start : close + tag.length
  return { kind: 'text', text: sql.slice(start, end), start, end }
}
const dollar = /\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$/y

/** Comments nest. */
function commentEnd(sql: string, start: number): number | undefined {
  let depth = 0
  for (let k = start; k < sql.length; ) {
    if (sql.startsWith('/*', k)) {
      depth++
      k += 2
    } else if (sql.startsWith('*/', k)) {
      depth--
      k += 2
      if (depth === 0) return k
    } else k++
  }
  return undefined
}
