/**
 * What a pipeline's SQL may write and DuckDB's parser does not read, put into words that it reads:
 *   FROM raw.transactions, FROM my-source   names of nodes, with dots and hyphens, without quotes
 *   `value`                                 names in backticks
 *   BIGINT UNSIGNED                         types of the model's engine
 *   AS userId                               names without quotes are lower case, as in the model's engine
 * Lines stay lines, so that the places in DuckDB's messages are those of the user.
 */
export function readable(sql: string, nodes: readonly string[]): string {
  const tokens = [...scan(sql, nodes)]
  const known = new Map(
    nodes.flatMap(node => [
      [fold(node), node],
      [fold(quoted(node)), node],
    ]),
  )
  const read = new Set(tokens.filter((_, at) => followsFrom(tokens, at)).map(({ text }) => known.get(fold(text))))
  return tokens
    .map(({ kind, text }, at) => {
      if (kind === 'word') return isUnsigned(tokens, at) ? '' : wordOf(text, isUnsigned(tokens, at + 2))
      if (kind === 'backtick') return quoted(text.slice(1, -1).replaceAll('``', '`'))
      if (kind !== 'node') return text
      // Elsewhere such a name stands before a column, or it is something else that looks alike: `a-b`, `alias.column`
      const node = known.get(fold(text))!
      const isNode = followsFrom(tokens, at) || (read.has(node) && tokens[at + 1]?.text.startsWith('.'))
      return isNode ? quoted(node) : text.toLowerCase()
    })
    .join('')
}

interface Token {
  kind: 'word' | 'node' | 'backtick' | 'space' | 'other'
  text: string
}

/** The word UNSIGNED after a type of whole numbers, with something between them. */
function isUnsigned(tokens: readonly Token[], at: number): boolean {
  const type = tokens[at - 2]
  return (
    tokens[at]?.text.toLowerCase() === 'unsigned' &&
    type?.kind === 'word' &&
    /^(?:tiny|small|big)?int(?:eger)?$/i.test(type.text)
  )
}

function wordOf(text: string, unsigned: boolean): string {
  if (!unsigned) return text.toLowerCase()
  return text.toLowerCase() === 'int' ? 'uinteger' : `u${text.toLowerCase()}`
}

const fold = (name: string) => name.toLowerCase()
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** In the order in which they are tried. */
const patterns: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y],
  // Escapes with backslashes are known in E'…' only
  ['other', /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)/y],
  ['other', /(\$[A-Za-z_]*\$)[\s\S]*?(?:\1|$)/y],
  ['backtick', /`(?:[^`]|``)*`/y],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  // A number keeps its exponent, a parameter its sign
  ['other', /\d[\w.]*|[\s\S]/y],
]

function* scan(sql: string, nodes: readonly string[]): Generator<Token> {
  // Names that are no plain word, the longest first: `a.b.c` before `a.b`
  const special = nodes.filter(node => /[^\p{L}\p{N}_]/u.test(node)).sort((a, b) => b.length - a.length)
  let before = ''
  for (let at = 0; at < sql.length; ) {
    const node = /[\p{L}\p{N}_.]$/u.test(before) ? undefined : special.find(name => standsAt(sql, at, name))
    if (node !== undefined) {
      before = sql.slice(at, at + node.length)
      yield { kind: 'node', text: before }
      at += node.length
      continue
    }
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = at
      const match = pattern.exec(sql)
      if (match === null) continue
      before = match[0]
      yield { kind, text: before }
      at += before.length
      break
    }
  }
}

function standsAt(sql: string, at: number, name: string): boolean {
  const end = at + name.length
  return fold(sql.slice(at, end)) === fold(name) && !/^[\p{L}\p{N}_]/u.test(sql.slice(end, end + 2))
}

function followsFrom(tokens: readonly Token[], at: number): boolean {
  const before = tokens.slice(0, at).findLast(({ kind }) => kind !== 'space')
  return before !== undefined && /^(?:from|join|table)$/i.test(before.text)
}
