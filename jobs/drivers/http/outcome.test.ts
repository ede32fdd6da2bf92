import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerError, retryAfter } from './outcome.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const answer = (status: number, headers = {}, body = '') => ({ status, headers, body, cut: false })

test('2xx is no error', () => {
  for (const status of [200, 201, 202, 204, 299]) assert.equal(answerError(answer(status)), undefined)
})

test('408, 429 and 5xx may pass by themselves, everything else does not', () => {
  for (const status of [408, 429, 500, 502, 503, 504, 599]) assert.equal(answerError(answer(status))?.retryable, true)
  for (const status of [300, 302, 304, 400, 401, 403, 404, 409, 410, 413, 422, 499])
    assert.equal(answerError(answer(status))?.code, 'refused')
})

test('an error says what the server said, on one line and not too much of it', () => {
  assert.equal(answerError(answer(422, {}, 'no\n\u001b[31m way'))?.message, 'the server answered 422: no [31m way')
  assert.equal(answerError(answer(500))?.message, 'the server answered 500')
  assert.ok((answerError(answer(422, {}, 'x'.repeat(10_000)))?.message.length ?? 0) < 300)
})

test('a redirect that was not followed names its address', () => {
  assert.match(answerError(answer(302, { location: 'https://b.example/' }))?.message ?? '', /https:\/\/b\.example\//)
})

test('Retry-After is a number of seconds, or a date', () => {
  assert.equal(answerError(answer(429, { 'retry-after': '7' }), now)?.retryAfter, 7)
  assert.equal(retryAfter('0', now), 0)
  assert.equal(retryAfter('Sun, 01 Mar 2026 12:00:30 GMT', now), 30)
})

test('a Retry-After that is none, or is over, is left to the usual waits, and none is longer than an hour', () => {
  for (const text of ['', 'soon', '-1', '1.5', 'Sun, 01 Mar 2020 12:00:00 GMT'])
    assert.equal(retryAfter(text, now), undefined)
  assert.equal(retryAfter('99999999999', now), 3600)
})
