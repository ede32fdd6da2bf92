import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

test('a duration is a number with a unit, or a plain number of seconds, and becomes milliseconds', () => {
  const cases: [string | number, number][] = [
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['14d', 1_209_600_000],
    ['30', 30_000],
    [' 2 S ', 2000],
    [0, 0],
    [0.25, 250],
  ]
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, String(text))
})

test('a size is a number with a binary or decimal unit in any case, or plain bytes', () => {
  const cases: [string | number, number][] = [
    ['256MiB', 268_435_456],
    ['16KiB', 16_384],
    ['1MB', 1_000_000],
    ['1 gib', 1_073_741_824],
    ['1.5KiB', 1536],
    ['7B', 7],
    ['1048576', 1_048_576],
    [12, 12],
  ]
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, String(text))
})

test('what is neither is undefined, not a guess', () => {
  for (const text of ['', 'ten', '-1s', '10 sec', '1e3', '5M5', 'NaN', '1h30m', '99999999999d', 'toString', Number.NaN])
    assert.equal(parseDuration(text), undefined, String(text))
  for (const text of ['', '16K', '-1', '1,5MB', '99999TiB', Number.POSITIVE_INFINITY, '1 constructor'])
    assert.equal(parseSize(text), undefined, String(text))
})

test('sizes are written with three digits and the unit that fits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1536, '1.5 KiB'],
    [268_435_456, '256 MiB'],
    [1e15, '909 TiB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text)
})

test('durations are written with their two largest units', () => {
  const cases: [number, string][] = [
    [0, '0ms'],
    [350, '350ms'],
    [59_400, '59s'],
    [60_000, '1m'],
    [125_000, '2m 5s'],
    [5_400_000, '1h 30m'],
    [90_000_000, '1d 1h'],
  ]
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
})
