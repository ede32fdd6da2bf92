import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf } from './json.suite.ts'
import { Fault, Source } from './source.ts'

function accepts(text: string): boolean {
  const source = new Source(bytesOf(text))
  try {
    source.skip()
    source.finish()
    return true
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    assert.ok(thrown.at >= 0 && thrown.at <= source.bytes.length)
    return false
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Pieces that JSON is made of, and some that it is not. */
const piece = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"\\n"', '"\\u00e9"', '\\', '\\u', 'é', '0', '1', '-', '.', 'e', 'E+'],
  ...['1.5', '-0', '10', '01', 'true', 'false', 'null', 'nul', ' ', '\n', '\t', '\f', '\u0000', '\u0001', '"é"'],
)

test('it takes what JSON.parse takes, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), pieces => {
      const text = pieces.join('')
      assert.equal(accepts(text), parses(text), JSON.stringify(text))
    }),
    { numRuns: 5000 },
  )
})

test('it takes all that JSON.stringify makes, and no prefix of it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
      const text = JSON.stringify(value, null, space)
      assert.ok(accepts(text))
      for (let end = 0; end < Math.min(text.length, 60); end++) {
        const start = text.slice(0, end)
        assert.equal(accepts(start), parses(start), start)
      }
    }),
    { numRuns: 300 },
  )
})

test('a string is what JSON.parse makes of it, but for half pairs, which are no UTF-8', () => {
  const source = (text: string) => {
    const cursor = new Source(bytesOf(text))
    cursor.string()
    return Buffer.from(cursor.text.subarray(cursor.from, cursor.to))
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (value, escaped) => {
      const text = escaped
        ? `"${value
            .split('')
            .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
            .join('')}"`
        : JSON.stringify(value)
      assert.equal(source(text).toString(), value)
    }),
  )
  assert.deepEqual([...source('"\\ud83d\\ude00"')], [...Buffer.from('😀')])
  assert.deepEqual([...source('"\\ud83dx"')], [0xed, 0xa0, 0xbd, 0x78])
})
