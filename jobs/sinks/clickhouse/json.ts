/**
 * What a JSON column takes: an object whose paths come once each. `{"a": {"b": 1}, "a.b": 2}` has one path twice, and so
 * has a name that an object repeats; `JSON.parse` keeps the last of those, and rounds what the server refuses: so the
 * text is looked through.
 */

/** of objects and lists within each other; the server's parser has no room for more */
const deepest = 1023
const wholeMin = -(1n << 63n)
const wholeMax = (1n << 64n) - 1n

interface Open {
  /** names so far; undefined: a list */
  names: Set<string> | undefined
  /** of the object in its outermost one, with a dot at the end */
  path: string
  /** of values so far, of all objects within the same outermost one; the objects of a list are outermost */
  values: Set<string>
}

export function isJsonObject(text: string): boolean {
  try {
    JSON.parse(text)
  } catch {
    return false
  }
  return holdsOnce(text)
}

/** `text`: JSON without mistakes, which the steps below rely on. */
function holdsOnce(text: string): boolean {
  const open: Open[] = []
  let name: string | undefined
  for (let at = 0; at < text.length; ) {
    const char = text[at]!
    const inside = open.at(-1)
    if (' \t\n\r,:'.includes(char)) at++
    else if (char === '}' || char === ']') {
      open.pop()
      at++
    } else {
      const end = '{['.includes(char) ? at + 1 : char === '"' ? endOfText(text, at) : endOfWord(text, at)
      const token = text.slice(at, end)
      at = end
      if (char === '"' && token.includes('\\u') && !textOf(token).isWellFormed()) return false
      if (inside?.names !== undefined && name === undefined) {
        name = textOf(token)
        if (inside.names.has(name)) return false
        inside.names.add(name)
        continue
      }
      const path = inside?.names === undefined ? '' : inside.path + name
      if (inside === undefined && char !== '{') return false
      if (inside?.names !== undefined && char !== '{' && token !== 'null') {
        if (inside.values.has(path)) return false
        inside.values.add(path)
      }
      name = undefined
      if (/[-\d]/.test(char) && !isNumber(token)) return false
      if (char === '{' && inside?.names !== undefined)
        open.push({ names: new Set(), path: `${path}.`, values: inside.values })
      else if (char === '{') open.push({ names: new Set(), path: '', values: new Set() })
      else if (char === '[') open.push({ names: undefined, path: '', values: new Set() })
      if (open.length > deepest) return false
    }
  }
  return true
}

function endOfText(text: string, from: number): number {
  let at = from + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfWord(text: string, from: number): number {
  let at = from
  while (at < text.length && !' \t\n\r,]}'.includes(text[at]!)) at++
  return at
}

const textOf = (token: string): string => (token.includes('\\') ? JSON.parse(token) : token.slice(1, -1))

/** Whole numbers have 64 bits, others are doubles. */
function isNumber(token: string): boolean {
  if (!/^-?\d+$/.test(token)) return Number.isFinite(Number(token))
  // 18 digits always fit
  if (token.length <= 18) return true
  const value = BigInt(token)
  return value >= wholeMin && value <= wholeMax
}
