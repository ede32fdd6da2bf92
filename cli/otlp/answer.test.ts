import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../core/errors.ts'
import { exportResponse, rpcStatus } from '../../core/otlp/response.ts'
import { partialSuccess, statusMessage } from './answer.ts'

for (const format of ['protobuf', 'json', 'ndjson'] as const)
  test(`a partial success in answer to ${format} tells how many records are refused, and why`, () => {
    const encoding = format === 'protobuf' ? 'protobuf' : 'json'
    const answer = (count: number, message: string) =>
      partialSuccess(format, exportResponse('traces', encoding, count, message))
    assert.deepEqual(answer(300, 'größer'), { rejected: 300, message: 'größer' })
    assert.deepEqual(answer(0, ''), { rejected: 0, message: '' })
  })

test('the message of an error is that of its status', () => {
  const body = Buffer.from(rpcStatus('protobuf', new AppError('gap', 'offset 5 is above 3'), undefined))
  const answer = (type: string) => ({ status: 409, headers: { 'content-type': type }, body })
  assert.equal(statusMessage(answer('application/x-protobuf')), 'offset 5 is above 3')
  assert.equal(statusMessage(answer('text/html')), undefined)
  assert.equal(statusMessage({ ...answer('application/x-protobuf'), body: Buffer.from('oops') }), undefined)
})
