import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../errors.ts'
import { type Effect, type Event, initial, type State, samePosition, step } from './machine.ts'

/** Two sources, two sinks, at epoch 4. */
const idle = initial(['a', 'b'], ['x', 'y'], 4, { a: { p: 1 }, b: { p: 1 } })
const checkpoint = { epoch: 5, from: { a: { p: 1 }, b: { p: 1 } }, to: { a: { p: 2 }, b: { p: 1 } } }
const error = new PipelineError('unavailable', 'the disk is away')

const after = (state: State, ...events: Event[]): State => events.reduce((at, event) => step(at, event)[0], state)
const position = (source: string, p: number, epoch = 5): Event => ({ type: 'position', source, epoch, position: { p } })

const asking = after(idle, { type: 'due' })
const planning = after(asking, position('a', 2), position('b', 1))
const flowing = after(planning, { type: 'recorded', epoch: 5 })
const closing = after(flowing, { type: 'ack', sink: 'x', epoch: 5 }, { type: 'ack', sink: 'y', epoch: 5 })
const done = after(idle, { type: 'drain' }, position('a', 1), position('b', 1))
const failed = after(flowing, { type: 'failed', error })
const states = { idle, asking, planning, flowing, closing, done, failed }

const events: Record<Event['type'], Event> = {
  due: { type: 'due' },
  drain: { type: 'drain' },
  ended: { type: 'ended', source: 'a' },
  position: position('a', 3),
  recorded: { type: 'recorded', epoch: 5 },
  ack: { type: 'ack', sink: 'x', epoch: 5 },
  final: { type: 'final', epoch: 5 },
  begin: { type: 'begin', checkpoint },
  stalled: { type: 'stalled', seconds: 60 },
  failed: { type: 'failed', error },
}

/** Where each event leads from each state, and what is done: the whole table. `.` stays and does nothing. */
const table: Record<keyof typeof states, Record<Event['type'], string>> = {
  idle: {
    due: 'asking ask',
    drain: 'asking ask',
    ended: '.',
    position: 'warn',
    recorded: 'warn',
    ack: 'warn',
    final: 'warn',
    begin: 'flowing mark',
    stalled: '.',
    failed: 'failed fail',
  },
  asking: {
    due: '.',
    drain: '.',
    ended: '.',
    position: '.',
    recorded: 'warn',
    ack: 'warn',
    final: 'warn',
    begin: 'warn',
    stalled: 'failed fail',
    failed: 'failed fail',
  },
  planning: {
    due: '.',
    drain: '.',
    ended: '.',
    position: 'warn',
    recorded: 'flowing mark',
    ack: 'warn',
    final: 'warn',
    begin: 'warn',
    stalled: 'failed fail',
    failed: 'failed fail',
  },
  flowing: {
    due: '.',
    drain: '.',
    ended: '.',
    position: 'warn',
    recorded: 'warn',
    ack: '.',
    final: 'warn',
    begin: 'warn',
    stalled: 'failed fail',
    failed: 'failed fail',
  },
  closing: {
    due: '.',
    drain: '.',
    ended: '.',
    position: 'warn',
    recorded: 'warn',
    ack: 'warn',
    final: 'idle announce',
    begin: 'warn',
    stalled: 'failed fail',
    failed: 'failed fail',
  },
  done: {
    due: '.',
    drain: '.',
    ended: '.',
    position: 'warn',
    recorded: 'warn',
    ack: 'warn',
    final: 'warn',
    begin: 'warn',
    stalled: '.',
    failed: 'failed fail',
  },
  failed: {
    due: '.',
    drain: '.',
    ended: '.',
    position: '.',
    recorded: '.',
    ack: '.',
    final: '.',
    begin: '.',
    stalled: '.',
    failed: '.',
  },
}

for (const [name, state] of Object.entries(states) as [keyof typeof states, State][])
  test(`from ${name} every event leads where the table says`, () => {
    assert.equal(state.name, name)
    for (const [type, event] of Object.entries(events) as [Event['type'], Event][]) {
      const [next, effects] = step(state, event)
      const did = effects.map(effect => effect.do).join(' ')
      const shown = [next.name === name ? '' : next.name, did].filter(Boolean).join(' ') || '.'
      assert.equal(shown, table[name][type], `${name} and ${type}`)
    }
  })

const effectsOf = (state: State, event: Event): readonly Effect[] => step(state, event)[1]

test('a plan holds the positions of all sources, from the last epoch on', () => {
  assert.deepEqual(effectsOf(after(asking, position('a', 2)), position('b', 1)), [{ do: 'record', checkpoint }])
})

test('where no source went on there is no epoch, unless rows were injected', () => {
  const unchanged = [position('a', 1), position('b', 1)] as const
  assert.deepEqual(effectsOf(after(asking, unchanged[0]), unchanged[1]), [{ do: 'resume' }])
  const forced = after(idle, { type: 'due', forced: true }, unchanged[0])
  assert.equal(effectsOf(forced, unchanged[1])[0]?.do, 'record')
})

test('an answer of another epoch, or from a source that is not there, changes nothing', () => {
  assert.deepEqual(after(asking, position('a', 9, 4)), asking)
  assert.deepEqual(after(asking, position('c', 9)), asking)
})

test('an ack counts once, and only of a sink that is there and of this epoch', () => {
  const once = after(flowing, { type: 'ack', sink: 'x', epoch: 5 })
  assert.deepEqual(after(once, { type: 'ack', sink: 'x', epoch: 5 }), once)
  assert.deepEqual(after(once, { type: 'ack', sink: 'y', epoch: 4 }), once)
  assert.deepEqual(after(once, { type: 'ack', sink: 'z', epoch: 5 }), once)
})

test('once all sources have ended, the epoch with their last rows is the last', () => {
  const both: Event[] = [
    { type: 'ended', source: 'a' },
    { type: 'ended', source: 'b' },
  ]
  const state = after(idle, ...both)
  assert.equal(state.name, 'asking')
  const planned = after(state, position('a', 2), position('b', 2))
  assert.deepEqual(effectsOf(planned, { type: 'recorded', epoch: 5 }), [{ do: 'mark', epoch: 5, last: true }])
  const end = after(planned, { type: 'recorded', epoch: 5 }, events.ack, { type: 'ack', sink: 'y', epoch: 5 })
  assert.deepEqual(
    effectsOf(end, { type: 'final', epoch: 5 }).map(effect => effect.do),
    ['announce', 'end'],
  )
})

test('an end that comes while an epoch is on its way gets an epoch of its own', () => {
  for (const late of [planning, flowing, closing]) {
    const draining = after(late, { type: 'drain' })
    const last = draining.name === 'planning' ? after(draining, events.recorded) : draining
    if (last.name === 'flowing' && last.last) continue
    const acked = last.name === 'closing' ? last : after(last, events.ack, { type: 'ack', sink: 'y', epoch: 5 })
    assert.deepEqual(
      effectsOf(acked, { type: 'final', epoch: 5 }).map(effect => effect.do),
      ['announce', 'ask'],
    )
  }
})

test('a stall names what is missing', () => {
  const message = (state: State) => (step(state, events.stalled)[0] as { error?: Error }).error?.message ?? ''
  assert.match(message(after(asking, position('a', 2))), /no position of source 'b'/)
  assert.match(message(after(flowing, events.ack)), /no ack of sink 'y'/)
  assert.match(message(planning), /the state backend does not answer/)
})

test('positions are the same whatever the order of their keys', () => {
  assert.ok(
    samePosition({ a: { x: 1, y: [1, { z: 2, w: 3 }] }, b: null }, { b: null, a: { y: [1, { w: 3, z: 2 }], x: 1 } }),
  )
  assert.ok(!samePosition({ a: 1 }, { a: '1' }))
  assert.ok(!samePosition({ a: 1 }, { a: 1, b: 1 }))
})
