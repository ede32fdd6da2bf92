import { type RowFunction, rowwise } from './rowwise.ts'

/** Text functions of the model's engine that take more than an expression. */
function initcap(text: unknown): string {
  return String(text)
    .toLowerCase()
    .replace(/[\p{L}\p{N}]+/gu, word => {
      const [first = '', ...rest] = word
      return first.toUpperCase() + rest.join('')
    })
}

function translate(text: unknown, from: unknown, to: unknown): string | null {
  if (text === null) return null
  const targets = [...String(to ?? '')]
  const table = new Map<string, string>()
  for (const [at, character] of [...String(from ?? '')].entries())
    if (!table.has(character)) table.set(character, targets[at] ?? '')
  return Array.from(String(text), character => table.get(character) ?? character).join('')
}

/** 1-based place of the `occurrence`-th `part`; a negative start looks back from the end; 0: there is none. */
function instr(text: unknown, part: unknown, start: unknown, occurrence: unknown): bigint | null {
  const [characters, wanted] = [[...String(text)], [...String(part)]]
  const first = Number(start)
  let left = Number(occurrence)
  if (left < 1) return null
  if (first === 0) return 0n
  const step = first > 0 ? 1 : -1
  const last = characters.length - wanted.length
  const isAt = (at: number) => wanted.every((character, index) => characters[at + index] === character)
  for (let at = first > 0 ? first - 1 : Math.min(characters.length + first, last); at >= 0 && at <= last; at += step)
    if (isAt(at) && --left === 0) return BigInt(at + 1)
  return 0n
}

function elt(index: unknown, ...values: unknown[]): unknown {
  const at = index === null ? 0 : Number(index)
  const value = at >= 1 ? (values[at - 1] ?? null) : null
  return value === null ? null : String(value)
}

function parseUrl(text: unknown, part: unknown, key?: unknown): string | null {
  const url = URL.parse(String(text))
  if (url === null) return null
  const user = url.password === '' ? url.username : `${url.username}:${url.password}`
  const parts: Readonly<Record<string, () => string | null>> = {
    HOST: () => url.hostname,
    PATH: () => url.pathname,
    QUERY: () => (key === undefined ? url.search.slice(1) : url.searchParams.get(String(key))),
    REF: () => url.hash.slice(1),
    PROTOCOL: () => url.protocol.slice(0, -1),
    FILE: () => url.pathname + url.search,
    AUTHORITY: () => (user === '' ? url.host : `${user}@${url.host}`),
    USERINFO: () => user,
  }
  const name = String(part).toUpperCase()
  return (Object.hasOwn(parts, name) && parts[name]!()) || null
}

/** Form encoding: a space is `+`, and what is not a letter, digit or one of `-_.*` is `%XX`. */
function urlEncode(text: unknown): string {
  return new URLSearchParams([['', String(text)]]).toString().slice(1)
}

function urlDecode(text: unknown): string | null {
  try {
    return decodeURIComponent(String(text).replaceAll('+', ' '))
  } catch {
    // An escape that is cut off, or that makes no text: the model's null
    return null
  }
}

function convert(text: unknown, from: unknown, to: unknown): string | null {
  const [base, target] = [Number(from), Number(to)]
  const fits = (radix: number) => Number.isInteger(radix) && radix >= 2 && radix <= 36
  const [, sign, digits] = /^([+-]?)([0-9a-z]{1,1000})$/.exec(String(text).toLowerCase()) ?? []
  if (!fits(base) || !fits(target) || digits === undefined) return null
  let value = 0n
  for (const character of digits) {
    const digit = Number.parseInt(character, 36)
    if (digit >= base) return null
    value = value * BigInt(base) + BigInt(digit)
  }
  return (sign === '-' && value !== 0n ? '-' : '') + value.toString(target)
}

const text1: Pick<RowFunction, 'parameters' | 'returns'> = { parameters: ['VARCHAR'], returns: 'VARCHAR' }
const text2 = { ...text1, parameters: ['VARCHAR', 'VARCHAR'] }
const text3 = { ...text1, parameters: ['VARCHAR', 'VARCHAR', 'VARCHAR'] }

const table: Readonly<Record<string, RowFunction>> = {
  initcap: { ...text1, call: initcap },
  mr_translate: { ...text3, nulls: true, call: translate },
  mr_instr: { parameters: ['VARCHAR', 'VARCHAR', 'BIGINT', 'BIGINT'], returns: 'BIGINT', call: instr },
  elt: { parameters: ['BIGINT'], rest: 'ANY', returns: 'VARCHAR', nulls: true, call: elt },
  mr_parse_url: { ...text2, call: (url, part) => parseUrl(url, part) },
  mr_parse_url_key: { ...text3, call: parseUrl },
  mr_url_encode: { ...text1, call: urlEncode },
  mr_url_decode: { ...text1, call: urlDecode },
  mr_conv_base: { ...text3, call: convert },
}

export const textFunctions = Object.entries(table).map(([name, made]) => rowwise(name, made))

/** The names that SQL uses for them where DuckDB has such a function of its own, or takes more arguments. */
export const textMacros: Readonly<Record<string, string>> = {
  translate: '(s, f, t) as mr_translate(s, f, t)',
  translate3: '(s, f, t) as mr_translate(s, f, t)',
  instr: `(s, t) as strpos(s, t), (s, t, n) as mr_instr(s, t, n, 1), (s, t, n, k) as mr_instr(s, t, n, k)`,
  parse_url: '(u, p) as mr_parse_url(u, p), (u, p, k) as mr_parse_url_key(u, p, k)',
  url_encode: '(s) as mr_url_encode(s)',
  url_decode: '(s) as mr_url_decode(s)',
  unhex: '(s) as mr_unhex(s)',
  encode: '(x) as system.main.encode(x), (x, how) as mr_encode(x, how)',
  decode: '(x) as system.main.decode(x), (x, how) as mr_decode(x, how)',
  _gs_conv_base: '(x, f, t) as mr_conv_base(x, f::varchar, t::varchar)',
  conv_base: '(x, f, t) as mr_conv_base(x, f::varchar, t::varchar)',
}
