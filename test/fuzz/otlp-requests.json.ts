import { below, damaged, pick, type Random } from './otlp-requests.damage.ts'

/** Seeded damage to OTLP/JSON: to its values and names, to its text, or to its bytes. */
type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const odd: Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  '',
  'x',
  '-1',
  '18446744073709551615',
  '18446744073709551616',
  '1e400',
  'NaN',
  'Infinity',
  '\ud800',
  '\u0000',
  'abcdefgh'.repeat(4),
  [],
  [null],
  {},
  { stringValue: 'a', intValue: '1' },
]
/** becomes `__proto__` in the text: as a name of an object it is no property */
const protoMark = 'the prototype'
const names = [
  'resourceLogs',
  'resource_spans',
  'attributes',
  'value',
  'stringValue',
  'kvlistValue',
  'traceId',
  protoMark,
  'x',
]
const bits = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '\\',
  '\\u',
  '\\ud800',
  '1e999',
  '-',
  '00',
  'nul',
  '\ufeff',
  ' ',
  '\n',
  '/*',
]

/** A random place in the tree, changed. */
function changeValue(root: Json, rnd: Random): Json {
  const places: [parent: { [name: string]: Json }, name: string][] = []
  const walk = (value: Json) => {
    if (typeof value !== 'object' || value === null) return
    for (const [name, child] of Object.entries(value)) {
      places.push([value as { [name: string]: Json }, name])
      walk(child)
    }
  }
  walk(root)
  if (places.length === 0) return structuredClone(pick(rnd, odd))
  const [parent, name] = pick(rnd, places)
  const kind = below(rnd, 4)
  if (kind === 0) delete parent[name]
  else if (kind === 1) parent[pick(rnd, names)] = structuredClone(parent[name]!)
  else if (kind === 2) parent[name] = `deep ${below(rnd, wraps.length)} ${pick(rnd, [3, 63, 64, 200, 1000, 10_000])}`
  else parent[name] = structuredClone(pick(rnd, odd))
  return root
}

/** Stands for a deep value until the tree is text: JSON.stringify would run out of stack. */
const deepMark = /"deep (\d) (\d+)"/g
const wraps = [
  ['[', ']'],
  ['{"a":', '}'],
  ['{"arrayValue":{"values":[', ']}}'],
  ['{"kvlistValue":{"values":[{"key":"k","value":', '}]}}'],
] as const

function deepText(_: string, kind: string, depth: string): string {
  const [open, close] = wraps[Number(kind)]!
  return `${open.repeat(Number(depth))}1${close.repeat(Number(depth))}`
}

export function damagedJson(text: string, rnd: Random, other: string): Uint8Array {
  let result = text
  if (rnd() < 0.6) {
    let value = JSON.parse(text) as Json
    for (let n = 1 + below(rnd, 3); n > 0; n--) value = changeValue(value, rnd)
    result = JSON.stringify(value).replace(deepMark, deepText).replaceAll(protoMark, '__proto__')
  }
  if (rnd() < 0.3) {
    const at = below(rnd, result.length + 1)
    result = result.slice(0, at) + pick(rnd, bits) + result.slice(at + below(rnd, 3))
  }
  const bytes = Buffer.from(result)
  return rnd() < 0.3 ? damaged(bytes, rnd, Buffer.from(other), { protobuf: false }) : bytes
}

/** Lines, some of them whole. */
export function damagedLines(texts: readonly string[], rnd: Random): Uint8Array {
  const lines = Array.from({ length: below(rnd, 5) }, () => {
    const text = pick(rnd, texts)
    return rnd() < 0.5 ? Buffer.from(text) : damagedJson(text, rnd, pick(rnd, texts))
  })
  const breaks = ['\n', '\r\n', '\n\n', ' \n', '\r', '']
  return Buffer.concat(lines.flatMap(line => [line, Buffer.from(pick(rnd, breaks))]))
}
