import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createObjectScanner } from './json.ts'
import { ESCAPED, FALSE, NULL, parseExact, TEXT, TRUE } from './values.ts'

/** What the scanner finds, as values by name; undefined: it refuses. */
function scanned(text: string | Buffer, names: readonly string[]): Record<string, unknown> | undefined {
  const bytes = Buffer.concat([Buffer.from(text as string), Buffer.from('\n')])
  const scanner = createObjectScanner(names, () => {})
  let end = scanner.scan(bytes, 0)
  if (end < 0) return undefined
  while (bytes[end] === 0x20 || bytes[end] === 0x09 || bytes[end] === 0x0d) end++
  if (end !== bytes.length - 1) return undefined
  return Object.fromEntries(
    names.map((name, at) => {
      const part = bytes.toString('utf8', scanner.starts[at], scanner.ends[at])
      const kind = scanner.kinds[at]
      if (kind === NULL) return [name, null]
      if (kind === TRUE || kind === FALSE) return [name, kind === TRUE]
      if (kind === TEXT) return [name, part]
      return [name, kind === ESCAPED ? JSON.parse(part) : parseExact(part)]
    }),
  )
}

function parsed(text: string, names: readonly string[]): Record<string, unknown> | undefined {
  if (/^[ \t\r]|\n/.test(text)) return undefined
  try {
    const value = parseExact(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return Object.fromEntries(
      names.map(name => [name, Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null]),
    )
  } catch {
    return undefined
  }
}

const names = ['a', 'b', 'id', '__proto__', 'größe', 'a"b', 'x\\y']
const object = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.jsonValue({ maxDepth: 3 }))

test('the scanner finds what JSON.parse finds', () => {
  fc.assert(
    fc.property(object, value => {
      const text = JSON.stringify(value)
      assert.deepEqual(scanned(text, names), parsed(text, names))
    }),
    { numRuns: 500 },
  )
})

test('the scanner accepts what JSON.parse accepts, whatever byte is changed', () => {
  const bytes = fc.constantFrom(...'{}[]",:\\ue0123456789.+-Etrufalsn \t\r\u0001')
  fc.assert(
    fc.property(object, fc.nat(), fc.array(bytes, { maxLength: 3 }), fc.nat({ max: 3 }), (value, at, put, gone) => {
      const text = JSON.stringify(value)
      const place = at % (text.length + 1)
      const changed = text.slice(0, place) + put.join('') + text.slice(place + gone)
      assert.deepEqual(scanned(changed, names), parsed(changed, names), changed)
    }),
    { numRuns: 3000 },
  )
})

for (const text of [
  '{"a":01}',
  '{"a":1.}',
  '{"a":.5}',
  '{"a":+1}',
  '{"a":1e}',
  '{"a":-}',
  '{"a":tru}',
  '{"a":"\\x"}',
  '{"a":"\\u12g4"}',
  '{"a":1,}',
  '{,}',
  '{"a"}',
  '{"a":}',
  '{a:1}',
  "{'a':1}",
  '{"a":1',
  '{"a":[1,]}',
  '{"a":[1',
  '{"a":"x',
  '[]',
  '1',
  '"a"',
  'null',
  '',
  '{"a":NaN}',
  '{"a":1}{"a":2}',
  '{"a":1} x',
  '{"a":"\t"}',
])
  test(`${JSON.stringify(text)} is refused`, () => assert.equal(scanned(text, names), undefined))

test('of two members of one name the last counts', () => {
  assert.deepEqual(scanned('{"a":1,"b":2,"a":"x"}', ['a', 'b']), { a: 'x', b: 2 })
})

test('a member is found whatever escapes its name is written with', () => {
  assert.deepEqual(scanned('{"\\u0061":1,"\\u0062":2}', ['b', 'a']), { a: 1, b: 2 })
})

test('a value nested too deep is refused, and does not overflow the stack', () => {
  const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
  assert.ok(scanned(deep(890), ['a']))
  assert.equal(scanned(deep(200_000), ['a']), undefined)
})

test('a member without a column is told once', () => {
  const told: string[] = []
  const scanner = createObjectScanner(['a'], name => told.push(name))
  const bytes = Buffer.from('{"b":1,"a":2,"c":{"a":3}}\n')
  for (let round = 0; round < 3; round++) scanner.scan(bytes, 0)
  assert.deepEqual(told, ['b', 'c'])
})
