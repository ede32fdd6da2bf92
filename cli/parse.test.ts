import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, duration, integer, size, streamKey } from './parse.ts'

test('durations become milliseconds and sizes bytes', () => {
  assert.equal(duration('5m'), 300_000)
  assert.equal(size('1MiB'), 1_048_576)
  assert.throws(() => duration('soon'), /Expected a duration/)
  assert.throws(() => size('0'), /Expected a size/)
})

test('whole numbers are decimals within what a double holds', () => {
  assert.equal(integer()('9007199254740991'), 2 ** 53 - 1)
  for (const text of ['', '-1', '1.5', '1e3', '0x10', '9007199254740992']) assert.throws(() => integer()(text), text)
  assert.throws(() => integer(1)('0'), /from 1 on/)
})

test('a stream key is 1 to 256 bytes without control characters', () => {
  assert.equal(streamKey('ä/b c'), 'ä/b c')
  assert.equal(streamKey('x'.repeat(256)).length, 256)
  for (const key of ['', 'a\nb', 'a\u007f', 'ä'.repeat(129), '.', '..']) assert.throws(() => streamKey(key))
})

test('an option that is given several times keeps all values', () => {
  assert.deepEqual(collect('b', collect('a', undefined)), ['a', 'b'])
})
