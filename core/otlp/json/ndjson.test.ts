import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../errors.ts'
import { bytesOf, logs, type Outcome, outcomeOf } from './json.suite.ts'
import { ndjsonToOtlp } from './json.ts'

const convert = (text: string): Outcome => outcomeOf('logs', ndjsonToOtlp('logs', bytesOf(text)))
const flags = ({ rows }: Outcome) => rows.map(({ at, row }) => [at, row.flags])

test('each line is a request', () => {
  const outcome = convert(`${logs({ flags: 1 }, { flags: 2 })}\n${logs({ flags: 3 })}`)
  assert.deepEqual(flags(outcome), [
    [0, 1],
    [1, 2],
    [2, 3],
  ])
})

test('blank lines, CRLF, a byte order mark and a last line end are fine', () => {
  const outcome = convert(`\ufeff${logs({ flags: 1 })}\r\n\r\n \t\r\n\n  ${logs({ flags: 2 })}  \r\n`)
  assert.equal(outcome.count, 2)
  assert.deepEqual(outcome.dead, [])
})

test('a broken line is one refused record, and the others go on', () => {
  const half = logs({ flags: 9 }, { flags: 9 }).slice(0, -3)
  const outcome = convert(`${logs({ flags: 1 })}\n${half}\nnope\n5\n${logs({ flags: 2 })}`)
  assert.equal(outcome.count, 5)
  assert.deepEqual(flags(outcome), [
    [0, 1],
    [4, 2],
  ])
  assert.deepEqual(
    outcome.dead.map(({ at, raw }) => [at, raw]),
    [
      [1, half],
      [2, 'nope'],
      [3, '5'],
    ],
  )
  assert.match(outcome.dead[0]!.message, /^line 2 is broken at column \d+: /)
  assert.equal(outcome.dead[1]!.message, 'line 3 is broken at column 1: no value begins like that')
})

test('a value that goes on in the next line is two broken ones', () => {
  assert.equal(convert(`${logs({ flags: 1 })}\n{"resourceLogs":\n[]}`).dead.length, 2)
})

test('a record that breaks a rule is refused alone in its line', () => {
  const outcome = convert(`${logs({ flags: 1 }, { flags: -1 })}\n${logs({ flags: 2 })}`)
  assert.deepEqual(flags(outcome), [
    [0, 1],
    [2, 2],
  ])
  assert.equal(outcome.dead[0]!.raw, '{"flags":-1}')
})

test('a late broken scope refuses the records of its line only', () => {
  const late = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}],"scope":5}]}]}'
  const outcome = convert(`${logs({ flags: 1 })}\n${late}\n${logs({ flags: 2 })}`)
  assert.deepEqual(flags(outcome), [
    [0, 1],
    [3, 2],
  ])
  assert.equal(outcome.dead.length, 2)
})

test('a line of another signal is refused', () => {
  const outcome = convert(`{"resourceMetrics":[]}\n${logs({ flags: 1 })}`)
  assert.equal(outcome.count, 2)
  assert.match(outcome.dead[0]!.message, /send them to \/v1\/metrics/)
})

test('an empty body has no records, one of white space is bad', () => {
  assert.equal(convert('').count, 0)
  for (const blank of [' ', '\n', '\r\n\t \n', '\ufeff\n'])
    assert.throws(
      () => convert(blank),
      (error: unknown) =>
        error instanceof AppError && error.code === 'bad_request' && /white space/.test(error.message),
    )
})
