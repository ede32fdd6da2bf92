import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf } from './json.suite.ts'
import { Integer, numberEnd, readDouble } from './numbers.ts'

function read(text: string): bigint | undefined {
  const integer = new Integer()
  const bytes = bytesOf(text)
  if (!integer.read(bytes, 0, bytes.length)) return undefined
  const magnitude = (BigInt(integer.high) << 32n) | BigInt(integer.low)
  return integer.negative ? -magnitude : magnitude
}

test('integers of up to 64 bits are read exactly, and longer ones are none', () => {
  const most = 2n ** 64n - 1n
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 66n), 2n ** 66n), value => {
      const fits = value <= most && value >= -most
      assert.equal(read(String(value)), fits ? value : undefined)
    }),
    { numRuns: 1000 },
  )
  for (const value of [0n, 9n, 10n ** 14n, 10n ** 15n - 1n, 10n ** 15n, 10n ** 19n, 2n ** 53n + 1n, 2n ** 63n, most])
    assert.equal(read(String(value)), value)
  assert.equal(read(String(most + 1n)), undefined)
  assert.equal(read('99999999999999999999'), undefined)
})

test('an exponent moves the point, and what is left of a fraction is no integer', () => {
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 18n), 10n ** 18n), fc.nat({ max: 6 }), (value, shift) => {
      if (value !== 0n) assert.equal(read(`${value}${'0'.repeat(shift)}e-${shift}`), value)
      assert.equal(read(`${value}.${'0'.repeat(shift + 1)}`), value)
      assert.equal(read(`${value}.${'0'.repeat(shift)}1`), undefined)
    }),
  )
  assert.equal(read('0.0e999999999999'), 0n)
  assert.equal(read('1e-999999999999'), undefined)
})

test('signed ranges end where they should', () => {
  const signed = (text: string, bits: number) => {
    const integer = new Integer()
    const bytes = bytesOf(text)
    return integer.read(bytes, 0, bytes.length) && integer.toSigned(bits)
      ? BigInt.asIntN(64, (BigInt(integer.high) << 32n) | BigInt(integer.low))
      : undefined
  }
  for (const bits of [32, 64]) {
    const limit = 2n ** BigInt(bits - 1)
    for (const value of [-limit, -limit + 1n, -1n, 0n, 1n, limit - 1n]) assert.equal(signed(String(value), bits), value)
    for (const value of [-limit - 1n, limit]) assert.equal(signed(String(value), bits), undefined)
  }
  assert.equal(signed('-4294967296', 64), -4294967296n)
  assert.equal(signed('-0', 32), 0n)
})

test('doubles are those that JSON.parse gives', () => {
  const check = (text: string) => {
    const bytes = bytesOf(text)
    assert.equal(numberEnd(bytes, 0, bytes.length), bytes.length, text)
    assert.ok(Object.is(readDouble(bytes, 0, bytes.length), JSON.parse(text)), text)
  }
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => check(JSON.stringify(value))),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.nat({ max: 22 }), (value, decimals) => {
      check(`${value}.${'7'.repeat(decimals + 1)}`)
      check(`${value}`)
    }),
  )
  for (const text of ['0', '-0', '0.1', '1e22', '9007199254740993', '0.000001', '5e-324', '1E+2', '1e400']) check(text)
})
