import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import { plainIssues, wording } from './wording.ts'

const said = (schema: z.ZodType, value: unknown) =>
  plainIssues(schema.safeParse(value, { error: wording }).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  )

test('a value of the wrong form is told in words that people know', () => {
  const cases: [z.ZodType, unknown, string][] = [
    [z.string(), 5, 'expected text, got 5'],
    [z.string().min(1), '', 'expected text, got none'],
    [z.int(), 1.5, 'expected a whole number, got 1.5'],
    [z.int().min(1), 0, 'expected at least 1, got 0'],
    [z.number().positive(), 0, 'expected more than 0, got 0'],
    [z.number().lt(5), 5, 'expected less than 5, got 5'],
    [z.array(z.int()).min(1), [], 'expected at least 1, got 0'],
    [z.boolean(), 'yes', "expected true or false, got 'yes'"],
    [z.enum(['a', 'b']), 'c', "expected one of a, b, got 'c'"],
    [z.enum(['a', 'b']), undefined, 'is missing: expected one of a, b'],
    [z.strictObject({}), [], 'expected keys and values, got []'],
    [z.url(), 'x', "expected a URL such as https://host/path, got 'x'"],
    [z.string(), undefined, 'is missing: expected text'],
    [z.int(), 'x'.repeat(500), `expected a number, got '${'x'.repeat(119)}…`],
  ]
  for (const [schema, value, message] of cases) assert.deepEqual(said(schema, value), [`: ${message}`])
})

test('of a value with several forms, the one that was meant tells what is wrong', () => {
  const list = z.union([z.string(), z.array(z.string())])
  assert.deepEqual(said(list, 5), [': expected text or a list, got 5'])
  assert.deepEqual(said(list, ['a', 5]), ['1: expected text, got 5'])
  const start = z.union([z.enum(['earliest', 'latest']), z.int().min(0)])
  assert.deepEqual(said(start, 'soon'), [": expected 'earliest' or 'latest' or a number, got 'soon'"])
  assert.deepEqual(said(start, -1), [': expected at least 0, got -1'])
  const mode = z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('once') }),
    z.strictObject({ type: z.literal('always'), every: z.int() }),
  ])
  assert.deepEqual(said(mode, { type: 'never' }), ["type: expected one of once, always, got 'never'"])
  assert.deepEqual(said(mode, {}), ['type: expected one of once, always, got nothing'])
  assert.deepEqual(said(mode, { type: 'always', every: 'x' }), ["every: expected a number, got 'x'"])
})
