import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compare, median, toLine } from './benchmark.ts'
import { appendResult } from './results.ts'
import { alternate } from './rounds.ts'

test('the median is the middle value, or the mean of the middle two', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([10, 1, 3, 2]), 2.5)
  assert.throws(() => median([]))
})

test('a ratio of medians is held against the bar, in either direction', () => {
  const base = { bench: 'b', unit: 'events/s', ours: [90, 70, 80], reference: [100, 100, 100] }
  const higher = compare({ ...base, bar: 0.7 })
  assert.equal(higher.ratio, 0.8)
  assert.equal(higher.passes, true)
  assert.equal(compare({ ...base, bar: 0.9 }).passes, false)
  assert.equal(compare({ ...base, bar: 0.7, lowerIsBetter: true }).passes, false)
  assert.equal(compare(base).passes, null)
})

test('without a reference the bar is for the value itself', () => {
  const report = compare({ bench: 'startup', unit: 'ms', ours: [250], bar: 300, lowerIsBetter: true })
  assert.equal(report.ratio, null)
  assert.equal(report.passes, true)
})

test('both sides run in every round, and take turns at going first', async () => {
  const order: string[] = []
  const { ours, reference } = await alternate(3, {
    ours: async round => {
      order.push('ours')
      return { round }
    },
    reference: async round => {
      order.push('reference')
      return { round }
    },
  })
  assert.deepEqual(order, ['ours', 'reference', 'reference', 'ours', 'ours', 'reference'])
  assert.deepEqual(ours, [{ round: 0 }, { round: 1 }, { round: 2 }])
  assert.deepEqual(reference, ours)
})

test('a line has no more digits than a measurement has', () => {
  assert.equal(toLine({ a: 123_456.789, b: [0.123456, 2] }), '{"a":123457,"b":[0.1235,2]}')
})

test('appended rows share one table', () => {
  const dir = mkdtempSync(join(tmpdir(), 'bench-results-'))
  try {
    const file = join(dir, 'RESULTS.md')
    const report = compare({ bench: 'b', unit: 'ms', ours: [1, 2, 3], reference: [4, 4, 4], bar: 0.7, aim: 1 })
    appendResult(file, report, '2 × cpu', new Date('2026-01-02T03:04:05Z'))
    appendResult(file, report, '2 × cpu', new Date('2026-01-03T03:04:05Z'))
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    const rows = lines.filter(line => line.startsWith('|'))
    assert.equal(rows.length, 4)
    assert.equal(rows[2], '| 2026-01-02 | b | 2 | 4 | ms | 0.5 | ≥ 0.7 | 1 | 1 2 3 ÷ 4 4 4 | 2 × cpu |')
    for (const row of rows) assert.equal(row.split('|').length, rows[0]!.split('|').length)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
