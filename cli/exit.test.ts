import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError, context } from '../core/errors.ts'
import { exitCode, explain, UsageError } from './exit.ts'

test('an error is one line with everything that was being tried', () => {
  const refused = new Error('connect ECONNREFUSED 127.0.0.1:4318')
  const error = new Error('send a.ndjson', { cause: new Error('POST /v1/events', { cause: refused }) })
  assert.deepEqual(explain(error), ['send a.ndjson: POST /v1/events: connect ECONNREFUSED 127.0.0.1:4318'])
})

test('a cause that the message already quotes is not said twice', () => {
  const full = new AppError('disk_full', 'the disk is full')
  assert.deepEqual(explain(context('store ./a.db', context('commit', full))), [
    'store ./a.db: commit: the disk is full',
  ])
})

test('line breaks do not break the line', () => {
  assert.deepEqual(explain(new Error('one\n  two')), ['one two'])
})

test('a name with several addresses tells the failure of each', () => {
  const failures = new AggregateError([new Error('connect ::1'), new Error('connect 127.0.0.1')])
  failures.message = ''
  assert.deepEqual(explain(new Error('GET /', { cause: failures })), ['GET /: connect ::1; connect 127.0.0.1'])
})

test('what is no Error is told as it is', () => {
  assert.deepEqual(explain('stop'), ['stop'])
})

test('wrong usage exits 2 with a line for each problem, any other error 1', () => {
  const usage = new UsageError('no file a', 'no file b')
  assert.deepEqual(explain(usage), ['no file a', 'no file b'])
  assert.equal(exitCode(usage), 2)
  assert.equal(exitCode(new Error('x')), 1)
})
