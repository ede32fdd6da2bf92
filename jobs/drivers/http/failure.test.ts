import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionError } from './failure.ts'

test('what the network does may pass, and a certificate that nobody trusts does not', () => {
  const of = (code: string) => connectionError(Object.assign(new Error(code), { code }))
  assert.equal(of('ECONNRESET').code, 'unavailable')
  assert.match(of('ECONNREFUSED').message, /connection refused/)
  assert.equal(of('DEPTH_ZERO_SELF_SIGNED_CERT').code, 'refused')
  assert.equal(
    connectionError(new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])).message,
    'connection refused',
  )
})
