import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toJsonValue, toMessage } from './console-value.ts'

class Point {
  x = 1
  readonly #hidden = 2
  sum = () => this.x + this.#hidden
}
const cycle: Record<string, unknown> = { name: 'a' }
cycle.self = cycle
const shared = { s: 1 }

for (const [what, value, expected] of [
  ['undefined', undefined, 'undefined'],
  ['a BigInt', 12345678901234567890n, '12345678901234567890'],
  ['numbers that JSON has not', [Number.NaN, -Infinity, 0.5], ['NaN', '-Infinity', 0.5]],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['functions', [function named() {}, () => {}], ['[function named]', '[function anonymous]']],
  ['a Map', new Map<unknown, unknown>([['a', 1], [{ k: 1 }, 2]]), [['a', 1], [{ k: 1 }, 2]]], // biome-ignore format: a row
  ['a Set', new Set([1, 'b']), [1, 'b']],
  ['dates', [new Date(0), new Date(Number.NaN)], ['1970-01-01T00:00:00.000Z', 'Invalid Date']],
  ['a RegExp and a URL', [/a/g, new URL('http://a/')], ['/a/g', 'http://a/']],
  ['bytes', new Uint8Array(3), '[Uint8Array of 3 bytes]'],
  ['a promise', Promise.resolve(), '[Promise]'],
  ['a cycle', cycle, { name: 'a', self: '[circular]' }],
  ['what is there twice, but is no cycle', [shared, shared], [{ s: 1 }, { s: 1 }]],
  ['an object of a class', new Point(), { x: 1, sum: '[function sum]' }],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ['a toJSON', { toJSON: () => ({ a: 1n }) }, { a: '1' }],
  ['a toJSON that gives itself', { toJSON: (): unknown => cycle.self }, { name: 'a', self: '[circular]' }],
  ['a member named __proto__', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
] as const)
  test(`${what} can be written`, () => {
    const found = toJsonValue(value)
    assert.deepEqual(JSON.parse(JSON.stringify(found)), expected)
  })

test('an Error has its stack, its cause and its own members', () => {
  const error = Object.assign(new TypeError('no', { cause: new AggregateError([1n], 'many') }), { code: 'E' })
  const found = toJsonValue(error) as Record<string, unknown>
  assert.deepEqual([found.name, found.message, found.code], ['TypeError', 'no', 'E'])
  assert.match(String(found.stack), /TypeError: no\n.*console-value\.test/)
  const { name, message, errors } = found.cause as Record<string, unknown>
  assert.deepEqual([name, message, errors], ['AggregateError', 'many', ['1']])
})

test('what throws does not throw, and hides nothing beside it', () => {
  const bad = {
    a: 1,
    get b() {
      throw new Error('b')
    },
    c: { toJSON: () => assert.fail('c') },
    d: 4,
  }
  const found = toJsonValue(bad) as Record<string, unknown>
  assert.deepEqual([found.a, found.b, found.d], [1, '[threw]', 4])
  assert.match(String(found.c), /^\[threw .*c\]$/)
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  assert.match(String(toJsonValue(revoked.proxy)), /^\[threw/)
  const untold = { toJSON: () => { throw { toString: null } } } // biome-ignore format: a row
  assert.equal(toJsonValue(untold), '[threw]')
})

test('a DOM node is its start tag', () => {
  const node = { nodeType: 1, nodeName: 'DIV', attributes: [{ name: 'id', value: 'a"b' }], parentNode: cycle }
  assert.equal(toJsonValue(node), '<div id="a\\"b">')
  assert.equal(toJsonValue({ nodeType: 9, nodeName: '#document' }), '#document')
})

test('what is deep, wide or long is cut', () => {
  let deep: unknown = 'end'
  for (let level = 0; level < 100_000; level++) deep = [deep]
  assert.equal(JSON.stringify(toJsonValue(deep)), '[[[[[["[…]"]]]]]]')
  const wide = toJsonValue(Array.from({ length: 1000 }, (_, n) => n)) as unknown[]
  assert.deepEqual([wide.length, wide.at(-1)], [201, '[… 800 more]'])
  const members = toJsonValue(Object.fromEntries(wide.map((_, n) => [`m${n}`, n]))) as Record<string, unknown>
  assert.equal(members['[…]'], '1 more')
  assert.match(String(toJsonValue('x'.repeat(20_000))), /^x{16384}\[… 3616 more\]$/)
  const row = Array.from({ length: 200 }, () => 'x'.repeat(16_384))
  const table = Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => row))
  assert.ok(JSON.stringify(toJsonValue(table)).length < 5_000_000)
})

for (const [args, expected] of [
  [['a', 1, { b: null }], 'a 1 {"b":null}'],
  [['%s is %d of %i%%, %j', 'x', '1.5', 7.9, [1], 'more'], 'x is 1.5 of 7%, [1] more'],
  [['%cred', 'color: red'], 'red'],
  [['%s %s', 'one'], 'one %s'],
  [['100%'], '100%'],
  [[{ name: 'Error', message: 'no', stack: 'Error: no\n  at x' }], 'Error: no\n  at x'],
  [[{ name: 'Error', message: 'no', stack: 'x@file' }], 'Error: no\nx@file'],
  [[], ''],
] as const)
  test(`${JSON.stringify(args)} reads ${JSON.stringify(expected)}`, () => {
    assert.equal(toMessage(args as never), expected)
  })
