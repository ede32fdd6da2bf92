import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonOf, refusal, retryAfter } from './failure.ts'

const answer = (status: number, body: string, headers = {}) => ({ status, headers, body: Buffer.from(body) })

test('the message of the gateway is told with its code', () => {
  assert.equal(refusal(answer(409, '{"error":"gap","message":"offset 5 is above 3"}')), 'offset 5 is above 3 (gap)')
})

test('an answer without a message is told by its status and first line', () => {
  assert.equal(refusal(answer(502, 'Bad Gateway\n<html>')), 'status 502: Bad Gateway')
  assert.equal(refusal(answer(401, '')), 'status 401')
  assert.equal(refusal(answer(404, 'nothing')), 'status 404: nothing, is this the address of a Millrace gateway?')
})

test('only an object counts as JSON', () => {
  assert.deepEqual(jsonOf(answer(200, '{"a":1}')), { a: 1 })
  assert.equal(jsonOf(answer(200, '12')), undefined)
  assert.equal(jsonOf(answer(200, 'null')), undefined)
  assert.equal(jsonOf(answer(200, '<html>')), undefined)
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  assert.equal(retryAfter({}, now), undefined)
  assert.equal(retryAfter({ 'retry-after': '3' }, now), 3000)
  assert.equal(retryAfter({ 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, now), 5000)
  assert.equal(retryAfter({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, now), 0)
  assert.equal(retryAfter({ 'retry-after': 'soon' }, now), undefined)
})
