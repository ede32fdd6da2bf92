import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStreamParams } from './params.ts'

const source = (headers: Record<string, string>, query: Record<string, string> = {}) => ({
  header: (n: string) => headers[n],
  query: (n: string) => query[n],
})

test('parameters come from headers or the query; a header wins', () => {
  assert.deepEqual(
    readStreamParams(
      source({ 'millrace-stream': 'a', 'millrace-offset': '7' }, { stream: 'b', epoch: '3', on_error: 'dead_letter' }),
    ),
    {
      key: 'a',
      offset: 7,
      epoch: 3,
      onBad: 'dead_letter',
    },
  )
  assert.deepEqual(readStreamParams(source({})), { key: undefined, offset: undefined, epoch: undefined, onBad: 'stop' })
})

test('a key in a header is UTF-8', () => {
  const latin1 = Buffer.from('größe €', 'utf8').toString('latin1')
  assert.equal(readStreamParams(source({ 'millrace-stream': latin1 })).key, 'größe €')
  assert.throws(() => readStreamParams(source({ 'millrace-stream': 'gr\u00f6\u00dfe' })), /not valid UTF-8/)
})

test('a key may hold U+FFFD: broken encoding never becomes it', () => {
  assert.equal(readStreamParams(source({}, { stream: 'a\ufffd' })).key, 'a\ufffd')
})

for (const [what, query, message] of [
  ['an empty key', { stream: '' }, /0 bytes/],
  ['a long key', { stream: 'ä'.repeat(129) }, /258 bytes/],
  ['a key that paths lose', { stream: '..' }, /cannot be "\.\."/],
  ['a control character', { stream: 'a\u0000b' }, /control character/],
  ['a line break', { stream: 'a\nb' }, /control character/],
  ['an offset without a stream', { offset: '1' }, /needs a stream/],
  ['an epoch without a stream', { epoch: '1' }, /needs a stream/],
  ['a negative offset', { stream: 'a', offset: '-1' }, /offset "-1"/],
  ['an offset with a sign', { stream: 'a', offset: '+1' }, /decimal/],
  ['a hexadecimal offset', { stream: 'a', offset: '0x10' }, /decimal/],
  ['a fraction', { stream: 'a', offset: '1.0' }, /decimal/],
  ['an empty offset', { stream: 'a', offset: '' }, /decimal/],
  ['an offset above 2^53-1', { stream: 'a', offset: '9007199254740992' }, /decimal/],
  ['an unknown on_error', { on_error: 'ignore' }, /stop or dead_letter/],
] as const)
  test(`${what} is a bad request that names it`, () => {
    assert.throws(() => readStreamParams(source({}, query)), { code: 'bad_request', message })
  })

test('the largest offset is taken', () => {
  assert.equal(
    readStreamParams(source({}, { stream: 'a', offset: '9007199254740991' })).offset,
    Number.MAX_SAFE_INTEGER,
  )
})
