import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseExact } from './json.ts'

test('numbers that a double keeps are numbers', () => {
  const text = '[1,-2.5,9007199254740991,1e21,1.50,0.30000000000000004,1.7976931348623157e308,-0.0000001234567890123]'
  assert.deepEqual(parseExact(text), JSON.parse(text))
})

test('numbers that a double would change are their own text, wherever they are', () => {
  assert.deepEqual(parseExact('{"a":9007199254740993,"b":[{"c":12345678901234567.89}],"d":-18446744073709551615}'), {
    a: '9007199254740993',
    b: [{ c: '12345678901234567.89' }],
    d: '-18446744073709551615',
  })
})

test('text is never taken for a number', () => {
  assert.deepEqual(parseExact('{"9007199254740993":"9007199254740993"}'), { '9007199254740993': '9007199254740993' })
})

test('every 64-bit integer comes through exactly', () => {
  fc.assert(fc.property(fc.bigInt(-(2n ** 63n), 2n ** 64n), n => BigInt(parseExact(`${n}`) as number) === n))
})

test('every double comes through as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), n => {
      const text = JSON.stringify(n)
      const value = parseExact(text)
      assert.ok(Object.is(Number(value), JSON.parse(text)))
    }),
  )
})
