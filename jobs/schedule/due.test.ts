import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseSchedule } from './cron.ts'
import { abandonedMost, type Decision, decide, lateMs, missedMost, type Past } from './due.ts'

const hourly = parseSchedule('0 * * * *', 'UTC')
const hour = 3_600_000
const base = Date.parse('2026-01-01T00:00:00Z')
const at = (hours: number) => base + hours * hour

type Last = NonNullable<Past['last']>
const ran = (due: number, outcome: Last['outcome'] = 'ok', abandoned = 0): Past => ({
  since: base,
  last: { due, outcome, abandoned },
})
const fresh: Past = { since: at(0.5), last: undefined }

const table: [what: string, past: Past, now: number, catchUp: boolean, expected: Decision][] = [
  ['a new job waits for its first time', fresh, at(0.6), true, { kind: 'wait', until: at(1) }],
  ['a time that has come is run', fresh, at(1), false, { kind: 'run', due: at(1), missed: 0 }],
  ['a little later, too', fresh, at(1) + lateMs - 1, false, { kind: 'run', due: at(1), missed: 0 }],
  ['after a run it waits for the next time', ran(at(1)), at(1), true, { kind: 'wait', until: at(2) }],
  [
    'a failed run is not done again before its next time',
    ran(at(1), 'failed'),
    at(1.5),
    true,
    { kind: 'wait', until: at(2) },
  ],
  ['after downtime a job runs once', ran(at(1)), at(5.5), true, { kind: 'run', due: at(5), missed: 3 }],
  ['or says what it left out', ran(at(1)), at(5.5), false, { kind: 'skip', due: at(5), missed: 3 }],
  [
    'a time that has just come runs, whatever was missed before',
    ran(at(1)),
    at(5),
    false,
    { kind: 'run', due: at(5), missed: 3 },
  ],
  [
    'times before it was known are not missed',
    { since: at(7.5), last: undefined },
    at(7.6),
    true,
    { kind: 'wait', until: at(8) },
  ],
  [
    'a new schedule forgets what the old one missed',
    { ...ran(at(1)), since: at(7.5) },
    at(7.6),
    true,
    { kind: 'wait', until: at(8) },
  ],
  [
    'a run that its process did not survive is done again',
    ran(at(3), 'abandoned', 1),
    at(3.2),
    true,
    { kind: 'run', due: at(3), missed: 0 },
  ],
  ['but not without catch_up', ran(at(3), 'abandoned', 1), at(3.2), false, { kind: 'wait', until: at(4) }],
  ['nor for ever', ran(at(3), 'abandoned', abandonedMost), at(3.2), true, { kind: 'wait', until: at(4) }],
  [
    'nor where its schedule has changed since',
    { ...ran(at(3), 'abandoned', 1), since: at(3.1) },
    at(3.2),
    true,
    { kind: 'wait', until: at(4) },
  ],
  [
    'and one run serves for it and for what was missed',
    ran(at(3), 'abandoned', 1),
    at(5.5),
    true,
    { kind: 'run', due: at(5), missed: 1 },
  ],
  ['a clock that was put back makes nothing due again', ran(at(9)), at(5.5), true, { kind: 'wait', until: at(10) }],
]

for (const [what, past, now, catchUp, expected] of table)
  test(what, () => assert.deepEqual(decide(hourly, past, now, catchUp), expected))

test('missed times are counted up to a limit', () => {
  const decision = decide(parseSchedule('* * * * * *', 'UTC'), ran(at(0)), at(24 * 365), true)
  assert.deepEqual(decision, { kind: 'run', due: at(24 * 365), missed: missedMost })
})

test('whoever asks at whatever times, each due time has one answer, and none comes twice', () => {
  const quarter = parseSchedule('*/15 * * * *', 'UTC')
  const steps = fc.array(fc.integer({ min: 1, max: 3 * hour }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(steps, fc.boolean(), (gaps, catchUp) => {
      let past: Past = { since: base, last: undefined }
      let now = base
      let covered = base
      for (const gap of gaps) {
        now += gap
        const decision = decide(quarter, past, now, catchUp)
        if (decision.kind === 'wait') {
          assert.ok(decision.until! > now)
          assert.equal(quarter.lastUpTo(now)! <= covered, true, 'nothing is left out')
          continue
        }
        assert.ok(decision.due > covered && decision.due <= now)
        assert.equal((decision.due - covered) / (hour / 4), decision.missed + 1)
        covered = decision.due
        past = ran(covered, decision.kind === 'run' ? 'ok' : 'skipped')
      }
    }),
  )
})
