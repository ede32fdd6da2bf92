import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTimeZone, parseSchedule } from './cron.ts'

/** The times after `from`, as ISO text to the minute. */
function times(text: string, timeZone: string, from: string, count: number): string[] {
  const schedule = parseSchedule(text, timeZone)
  const found: string[] = []
  for (let time = Date.parse(from); found.length < count; ) {
    time = schedule.next(time)!
    found.push(new Date(time).toISOString().replace(/:00\.000Z$/, ''))
  }
  return found
}

test('five fields, six with seconds, and names', () => {
  assert.deepEqual(times('5 * * * *', 'UTC', '2026-01-01T00:05:00Z', 2), ['2026-01-01T01:05', '2026-01-01T02:05'])
  assert.deepEqual(times('*/20 * * * * *', 'UTC', '2026-01-01T00:00:50Z', 2), [
    '2026-01-01T00:01',
    '2026-01-01T00:01:20.000Z',
  ])
  assert.deepEqual(times('@daily', 'UTC', '2026-01-01T00:00:00Z', 1), ['2026-01-02T00:00'])
  assert.deepEqual(times('@hourly', 'UTC', '2026-01-01T00:00:00Z', 1), ['2026-01-01T01:00'])
  assert.deepEqual(times('0 9 * * MON-FRI', 'UTC', '2026-01-02T10:00:00Z', 1), ['2026-01-05T09:00'])
})

test('a time zone moves the times', () => {
  assert.deepEqual(times('0 0 * * *', 'Asia/Kolkata', '2026-01-01T00:00:00Z', 1), ['2026-01-01T18:30'])
})

test('a time of day that is skipped comes once, at the jump', () => {
  const from = '2026-03-28T12:00:00Z'
  assert.deepEqual(times('30 2 * * *', 'Europe/Berlin', from, 2), ['2026-03-29T01:00', '2026-03-30T00:30'])
  assert.deepEqual(times('15,45 2 * * *', 'Europe/Berlin', from, 2), ['2026-03-29T01:00', '2026-03-30T00:15'])
})

test('a time of day that is there twice comes once', () => {
  const from = '2026-10-24T12:00:00Z'
  assert.deepEqual(times('30 2 * * *', 'Europe/Berlin', from, 2), ['2026-10-25T00:30', '2026-10-26T01:30'])
  assert.deepEqual(times('30 1,2 * * *', 'Europe/Berlin', from, 3), [
    '2026-10-24T23:30',
    '2026-10-25T00:30',
    '2026-10-26T00:30',
  ])
})

test('a schedule with a step goes on through the hour that comes twice', () => {
  assert.deepEqual(times('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:15:00Z', 4), [
    '2026-10-25T00:30',
    '2026-10-25T01:00',
    '2026-10-25T01:30',
    '2026-10-25T02:00',
  ])
})

test('the last time is found to the millisecond', () => {
  const { lastUpTo } = parseSchedule('0 * * * *', 'UTC')
  const one = Date.parse('2026-01-01T01:00:00Z')
  assert.equal(lastUpTo(one - 1), one - 3_600_000)
  assert.equal(lastUpTo(one), one)
  assert.equal(lastUpTo(one + 3_599_999), one)
})

for (const [text, message] of [
  ['* * * *', /expected five fields .* got "\* \* \* \*"/],
  ['* * * * * * *', /expected five fields/],
  ['2030-01-01T00:00:00', /expected five fields/],
  ['', /expected five fields/],
  ['61 * * * *', /invalid value for minute: 61/],
  ['@reboot', /"@reboot": @reboot is not supported/],
  ['@never', /"@never"/],
  ['a b c d e', /"a b c d e"/],
  ['0 0 30 2 *', /never comes/],
] as const)
  test(`${JSON.stringify(text)} is refused with the reason`, () => {
    assert.throws(() => parseSchedule(text, 'UTC'), message)
  })

test('a time zone is known by its name', () => {
  assert.deepEqual(['UTC', 'Europe/Berlin', 'Mars/Phobos', '', '../x'].map(isTimeZone), [
    true,
    true,
    false,
    false,
    false,
  ])
})
