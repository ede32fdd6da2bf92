import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoff, begin, type Effect, type Event, type Phase, type State, step, table } from './machine.ts'

const limits = { retryFor: 60_000 }
const none = { accepted: 0, duplicates: 0, rejected: 0 }

/** A batch of ten values from position 100 on, the third and ninth of them bad. */
const held = { offset: 100, size: 10, dead: [2, 8] }

function stateIn(phase: Phase, more: Partial<State> = {}): State {
  return { phase, count: 100, batch: held, failures: 0, failingSince: 0, totals: none, reason: undefined, ...more }
}

const events: { [T in Event['type']]: Extract<Event, { type: T }> } = {
  counted: { type: 'counted', count: 104 },
  batch: { type: 'batch', ...held, skipped: 3 },
  end: { type: 'end', skipped: 3, reason: undefined },
  stored: { type: 'stored', count: 110, accepted: 8, duplicates: 0, rejected: 2 },
  refused: { type: 'refused', reason: 'no such token' },
  broken: { type: 'broken', reason: 'refused', at: 5000, jitter: 0, retryAfter: undefined },
  elapsed: { type: 'elapsed' },
  stopped: { type: 'stopped' },
}

const wait = 'wait after a break'
const fail = 'fail'
const bug = 'bug'
const nothing = 'nothing'

/** What each pair does; `bug` is an outcome of an effect that was never asked for. */
// biome-ignore format: a table is read in columns
const expected: { [P in Phase]: { [T in Event['type']]: string } } = {
  asking:  { counted: 'post',  batch: bug,     end: bug,      stored: bug,     refused: fail,    broken: wait,    elapsed: bug,     stopped: fail },
  reading: { counted: bug,     batch: 'post',  end: 'finish', stored: bug,     refused: bug,     broken: bug,     elapsed: bug,     stopped: fail },
  posting: { counted: bug,     batch: bug,     end: bug,      stored: 'read',  refused: fail,    broken: wait,    elapsed: bug,     stopped: fail },
  waiting: { counted: bug,     batch: bug,     end: bug,      stored: bug,     refused: bug,     broken: bug,     elapsed: 'ask',   stopped: fail },
  done:    { counted: nothing, batch: nothing, end: nothing,  stored: nothing, refused: nothing, broken: nothing, elapsed: nothing, stopped: nothing },
  failed:  { counted: nothing, batch: nothing, end: nothing,  stored: nothing, refused: nothing, broken: nothing, elapsed: nothing, stopped: nothing },
}

for (const phase of Object.keys(table) as Phase[])
  for (const event of Object.values(events))
    test(`${phase}, ${event.type}: ${expected[phase][event.type]}`, () => {
      const before = stateIn(phase)
      const frozen = structuredClone(before)
      const run = () => step(before, event, limits)
      switch (expected[phase][event.type]) {
        case bug:
          assert.throws(run, { message: `transfer is ${phase}, and got '${event.type}'` })
          break
        case nothing:
          assert.deepEqual(run(), [before, { type: 'finish' }])
          break
        case fail:
          assert.equal(run()[0].phase, 'failed')
          assert.equal(run()[1].type, 'finish')
          break
        case wait:
          assert.equal(run()[0].phase, 'waiting')
          assert.equal(run()[1].type, 'wait')
          break
        default:
          assert.equal(run()[1].type, expected[phase][event.type])
      }
      assert.deepEqual(before, frozen, 'the state is not changed in place')
    })

test('it begins by asking what the stream has, and reads on from there', () => {
  const [first, ask] = begin()
  assert.deepEqual(ask, { type: 'ask' })
  const [state, effect] = step(first, { type: 'counted', count: 7 }, limits)
  assert.deepEqual(effect, { type: 'read', from: 7 })
  assert.equal(state.count, 7)
  assert.deepEqual(state.totals, none)
})

test('values that the stream had are duplicates', () => {
  assert.equal(step(stateIn('reading'), events.batch, limits)[0].totals.duplicates, 3)
  assert.equal(step(stateIn('reading'), events.end, limits)[0].totals.duplicates, 3)
})

test('after a break the batch goes on at the count, and what it shows was stored by us', () => {
  const [state, effect] = step(stateIn('asking', { failures: 4 }), { type: 'counted', count: 104 }, limits)
  assert.deepEqual(effect, { type: 'post', skip: 4 })
  assert.deepEqual(state.totals, { accepted: 3, duplicates: 0, rejected: 1 })
  assert.equal(state.failures, 0)
})

test('after a break that lost only the answer nothing is sent again', () => {
  const [state, effect] = step(stateIn('asking'), { type: 'counted', count: 110 }, limits)
  assert.deepEqual(effect, { type: 'read', from: 110 })
  assert.deepEqual(state.totals, { accepted: 8, duplicates: 0, rejected: 2 })
})

test('a break twice in one batch counts nothing twice', () => {
  const [first] = step(stateIn('asking'), { type: 'counted', count: 104 }, limits)
  const [again, effect] = step({ ...first, phase: 'asking' }, { type: 'counted', count: 104 }, limits)
  assert.deepEqual(effect, { type: 'post', skip: 4 })
  assert.deepEqual(again.totals, first.totals)
  const stored: Event = { type: 'stored', count: 110, accepted: 5, duplicates: 0, rejected: 1 }
  assert.deepEqual(step(again, stored, limits)[0].totals, { accepted: 8, duplicates: 0, rejected: 2 })
})

test('what another producer stored at our positions is skipped', () => {
  const stored: Event = { type: 'stored', count: 250, accepted: 0, duplicates: 10, rejected: 0 }
  const [state, effect] = step(stateIn('posting'), stored, limits)
  assert.deepEqual(effect, { type: 'read', from: 250 })
  assert.equal(state.totals.duplicates, 10)
})

test('a stream that has shrunk ends the transfer', () => {
  const [state] = step(stateIn('asking'), { type: 'counted', count: 99 }, limits)
  assert.match(state.reason ?? '', /has 99 events where 100 were acknowledged/)
})

test('a gateway that counts the values of a batch otherwise ends the transfer', () => {
  const stored: Event = { type: 'stored', count: 109, accepted: 9, duplicates: 0, rejected: 0 }
  const [state] = step(stateIn('posting'), stored, limits)
  assert.match(state.reason ?? '', /counted 9 of 10 values from position 100/)
})

test('a refusal tells what was stored before it', () => {
  const refused: Event = { ...events.refused, stored: { count: 103, accepted: 3, duplicates: 0, rejected: 0 } }
  const [state] = step(stateIn('posting'), refused, limits)
  assert.equal(state.count, 103)
  assert.equal(state.totals.accepted, 3)
  assert.equal(state.reason, 'no such token')
})

test('a bad value at the end of what was read fails after all before it was stored', () => {
  const [state] = step(stateIn('reading'), { type: 'end', skipped: 0, reason: 'a.ndjson:7: bad' }, limits)
  assert.equal(state.phase, 'failed')
  assert.equal(state.reason, 'a.ndjson:7: bad')
})

function waits(state: State, event: Event): number {
  const [, effect] = step(state, event, limits)
  assert.equal(effect.type, 'wait')
  return (effect as Extract<Effect, { type: 'wait' }>).ms
}

test('waits double up to a bound, and jitter takes up to half of each', () => {
  const at = (failures: number, jitter: number) =>
    waits(stateIn('posting', { failures, failingSince: 5000 }), { ...events.broken, jitter })
  assert.equal(at(0, 0), backoff.first / 2)
  assert.ok(at(0, 0.999) > backoff.first * 0.99)
  assert.equal(at(3, 0), (backoff.first * 8) / 2)
  assert.equal(at(30, 0), backoff.most / 2)
})

test('a wait that the gateway asks for is kept, within what is left', () => {
  const state = stateIn('posting', { failures: 1, failingSince: 5000 })
  assert.equal(waits(state, { ...events.broken, retryAfter: 7000 }), 7000)
  assert.equal(waits(state, { ...events.broken, at: 60_000, retryAfter: 70_000 }), 5000)
})

test('it gives up once there was no progress for too long', () => {
  const state = stateIn('asking', { failures: 9, failingSince: 5000 })
  const [failed] = step(state, { ...events.broken, at: 65_000 }, limits)
  assert.equal(failed.phase, 'failed')
  assert.equal(failed.reason, 'gave up after 60 s without progress: refused')
})

test('a gateway that answers and still stores nothing is given up on, too', () => {
  const [asked] = step(stateIn('asking', { failures: 3, failingSince: 5000 }), { type: 'counted', count: 100 }, limits)
  assert.equal(asked.failures, 3)
  const stored: Event = { ...events.stored }
  assert.equal(step({ ...asked, phase: 'posting' }, stored, limits)[0].failures, 0)
})

/** How a request of the model run ends. `cut` breaks it after that many values, `lost` loses only the answer. */
const fate = fc.oneof(
  { weight: 3, arbitrary: fc.constant('fine' as const) },
  fc.constant('lost' as const),
  fc.constant('unreachable' as const),
  fc.record({ cut: fc.nat(12) }),
)

test('whatever breaks, every value is stored once and in order, and the totals add up', () => {
  fc.assert(
    fc.property(
      fc.nat(60),
      fc.nat(30),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fate, { maxLength: 60 }),
      (values, already, batchSize, fates) => {
        const stream = Array.from({ length: Math.min(already, values) }, (_, at) => at)
        const began = stream.length
        let [state, effect] = begin()
        let batch = { offset: 0, size: 0 }
        for (let steps = 0; effect.type !== 'finish'; steps++) {
          assert.ok(steps < 1000)
          ;[state, effect] = step(state, outcomeOf(effect), { retryFor: Number.POSITIVE_INFINITY })
        }
        assert.equal(state.phase, 'done')
        assert.deepEqual(
          stream,
          Array.from({ length: values }, (_, at) => at),
        )
        assert.deepEqual(state.totals, { accepted: values - began, duplicates: began, rejected: 0 })
        assert.equal(state.count, values)

        function outcomeOf(asked: Effect): Event {
          switch (asked.type) {
            case 'ask':
              return fates.length > 0 && fates.shift() !== 'fine'
                ? events.broken
                : { type: 'counted', count: stream.length }
            case 'wait':
              return events.elapsed
            case 'read': {
              const offset = batch.offset + batch.size
              const skipped = Math.max(0, asked.from - offset)
              batch = { offset: offset + skipped, size: Math.min(batchSize, values - offset - skipped) }
              if (batch.size === 0) return { type: 'end', skipped, reason: undefined }
              return { type: 'batch', ...batch, dead: [], skipped }
            }
            default: {
              const how = fates.shift() ?? 'fine'
              if (how === 'unreachable' || asked.type !== 'post') return events.broken
              const offset = batch.offset + asked.skip
              const end =
                typeof how === 'object'
                  ? Math.min(offset + how.cut, batch.offset + batch.size)
                  : batch.offset + batch.size
              const from = Math.max(offset, stream.length)
              for (let at = from; at < end; at++) stream.push(at)
              if (how !== 'fine') return events.broken
              return {
                type: 'stored',
                count: stream.length,
                accepted: end - from,
                duplicates: from - offset,
                rejected: 0,
              }
            }
          }
        }
      },
    ),
    { numRuns: 2000 },
  )
})
