import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, type Phase, type Session, type SessionConfig, type SessionEvent, step } from './session.ts'

const config: SessionConfig = { transport: 'auto', retryMinMs: 100, retryMaxMs: 30_000, random: () => 1 }
const phases: Phase[] = ['connecting', 'open', 'waiting', 'stopped', 'closed']
const events: SessionEvent['type'][] = [
  'opened',
  'progress',
  'broken',
  'again',
  'upgrade',
  'fatal',
  'ended',
  'elapsed',
  'close',
]

/** For each phase what each event leads to: the next phase, and what is done. */
const expected: Record<Phase, Record<SessionEvent['type'], string>> = {
  connecting: {
    opened: 'open',
    progress: 'connecting',
    broken: 'waiting wait',
    again: 'connecting dial',
    upgrade: 'connecting',
    fatal: 'stopped hang_up',
    ended: 'waiting wait',
    elapsed: 'connecting',
    close: 'closed hang_up',
  },
  open: {
    opened: 'open',
    progress: 'open',
    broken: 'waiting wait',
    again: 'connecting dial',
    upgrade: 'connecting dial',
    fatal: 'stopped hang_up',
    ended: 'closed hang_up',
    elapsed: 'open',
    close: 'closed hang_up',
  },
  waiting: {
    opened: 'waiting',
    progress: 'waiting',
    broken: 'waiting',
    again: 'waiting',
    upgrade: 'waiting',
    fatal: 'stopped hang_up',
    ended: 'waiting',
    elapsed: 'connecting dial',
    close: 'closed hang_up',
  },
  stopped: {
    opened: 'stopped',
    progress: 'stopped',
    broken: 'stopped',
    again: 'stopped',
    upgrade: 'stopped',
    fatal: 'stopped',
    ended: 'stopped',
    elapsed: 'stopped',
    close: 'closed hang_up',
  },
  closed: {
    opened: 'closed',
    progress: 'closed',
    broken: 'closed',
    again: 'closed',
    upgrade: 'closed',
    fatal: 'closed',
    ended: 'closed',
    elapsed: 'closed',
    close: 'closed',
  },
}

for (const phase of phases)
  test(`what may happen while a client is ${phase}`, () => {
    for (const type of events) {
      const state: Session = { phase, transport: 'post', failures: 1 }
      const [next, effect] = step(state, { type }, config)
      assert.equal([next.phase, effect?.type].filter(Boolean).join(' '), expected[phase][type], type)
    }
  })

test('a WebSocket that does not open is followed by a POST at once, and that by a wait and a WebSocket', () => {
  let [state, effect] = step(begin('auto'), { type: 'broken' }, config)
  assert.deepEqual([state.transport, effect], ['post', { type: 'dial' }])
  ;[state, effect] = step(state, { type: 'broken' }, config)
  assert.deepEqual([state.phase, state.transport, effect], ['waiting', 'websocket', { type: 'wait', ms: 100 }])
})

test('with one transport the other is never tried', () => {
  for (const transport of ['websocket', 'post'] as const) {
    const [state, effect] = step(begin(transport), { type: 'broken' }, { ...config, transport })
    assert.deepEqual([state.transport, effect?.type], [transport, 'wait'])
  }
})

test('waits double from the least to the longest, half of each by chance, and begin anew with an ack', () => {
  const waits = (random: number) => {
    const found: number[] = []
    let state = begin('websocket')
    for (let i = 0; i < 11; i++) {
      const [next, effect] = step(
        state,
        { type: 'broken' },
        { ...config, transport: 'websocket', random: () => random },
      )
      found.push(effect?.type === 'wait' ? effect.ms : -1)
      state = step(next, { type: 'elapsed' }, config)[0]
    }
    return found
  }
  assert.deepEqual(waits(1), [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
  assert.deepEqual(waits(0).slice(0, 3), [50, 100, 200])
  const [state] = step({ phase: 'open', transport: 'post', failures: 7 }, { type: 'progress' }, config)
  assert.equal(state.failures, 0)
})

test('connecting again at once comes to an end where nothing moves', () => {
  let state: Session = { phase: 'open', transport: 'post', failures: 0 }
  let effect: ReturnType<typeof step>[1]
  let dials = 0
  do {
    ;[state, effect] = step({ ...state, phase: 'open' }, { type: 'again' }, config)
    dials++
  } while (effect?.type === 'dial')
  assert.deepEqual([dials, state.phase], [21, 'waiting'])
})

test('Retry-After is the least wait', () => {
  const state: Session = { phase: 'open', transport: 'post', failures: 0 }
  assert.deepEqual(step(state, { type: 'broken', retryAfterMs: 5000 }, config)[1], { type: 'wait', ms: 5000 })
  assert.deepEqual(step(state, { type: 'broken', retryAfterMs: 10 }, config)[1], { type: 'wait', ms: 100 })
})
