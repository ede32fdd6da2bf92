import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, type Phase, type Session, type SessionEvent, step } from './session.ts'

const limits = { batch: 256, highWater: 1000 }
const bye = { code: 1000, reason: 'end' }
const fault = { code: 1013, reason: 'later' }
const events: SessionEvent[] = [
  { type: 'opened', count: 5 },
  { type: 'received', events: 2, bytes: 20 },
  { type: 'verdict', verdict: bye },
  { type: 'limited' },
  { type: 'allowed' },
  { type: 'stored', count: 9 },
  { type: 'failed', verdict: fault },
  { type: 'peer_closed' },
]

/** A session in each phase, idle and with work before it. */
const states: Record<string, () => Session> = {
  opening: begin,
  'opening with a verdict': () => ({ ...begin(), verdict: bye }),
  'opening with events': () => ({ ...begin(), waiting: 1, waitingBytes: 10 }),
  open: () => ({ ...begin(), phase: 'open', busy: false, count: 5 }),
  'open, busy': () => ({ ...begin(), phase: 'open', inFlight: 1, inFlightBytes: 10, count: 5 }),
  'open, busy and waiting': () => ({
    ...begin(),
    phase: 'open',
    inFlight: 1,
    inFlightBytes: 10,
    waiting: 300,
    waitingBytes: 3000,
    paused: true,
    count: 5,
  }),
  'open, limited': () => ({ ...begin(), phase: 'open', busy: false, limited: true, paused: true, count: 5 }),
  draining: () => ({ ...begin(), phase: 'draining', inFlight: 1, inFlightBytes: 10, verdict: bye, count: 5 }),
  leaving: () => ({ ...begin(), phase: 'leaving', inFlight: 1, inFlightBytes: 10, count: 5 }),
  closed: () => ({ ...begin(), phase: 'closed', busy: false }),
}

const table: Record<string, Record<SessionEvent['type'], [Phase, string]>> = {
  opening: {
    opened: ['open', 'greet'],
    received: ['opening', ''],
    verdict: ['opening', ''],
    limited: ['opening', 'pause'],
    allowed: ['opening', ''],
    stored: ['opening', 'ack'],
    failed: ['closed', 'close release'],
    peer_closed: ['leaving', ''],
  },
  'opening with a verdict': {
    opened: ['closed', 'greet close release'],
    received: ['opening', ''],
    verdict: ['opening', ''],
    limited: ['opening', 'pause'],
    allowed: ['opening', ''],
    stored: ['opening', 'ack'],
    failed: ['closed', 'close release'],
    peer_closed: ['leaving', ''],
  },
  'opening with events': {
    opened: ['open', 'greet append'],
    received: ['opening', ''],
    verdict: ['opening', ''],
    limited: ['opening', 'pause'],
    allowed: ['opening', ''],
    stored: ['opening', 'ack append'],
    failed: ['closed', 'close release'],
    peer_closed: ['leaving', ''],
  },
  open: {
    opened: ['open', 'greet'],
    received: ['open', 'append'],
    verdict: ['closed', 'close release'],
    limited: ['open', 'pause'],
    allowed: ['open', ''],
    stored: ['open', 'ack'],
    failed: ['closed', 'close release'],
    peer_closed: ['closed', 'release'],
  },
  'open, busy': {
    opened: ['open', 'greet'],
    received: ['open', ''],
    verdict: ['draining', ''],
    limited: ['open', 'pause'],
    allowed: ['open', ''],
    stored: ['open', 'ack'],
    failed: ['closed', 'close release'],
    peer_closed: ['leaving', ''],
  },
  'open, busy and waiting': {
    opened: ['open', 'greet append'],
    received: ['open', ''],
    verdict: ['draining', ''],
    limited: ['open', ''],
    allowed: ['open', ''],
    stored: ['open', 'ack append'],
    failed: ['closed', 'close release'],
    peer_closed: ['leaving', ''],
  },
  'open, limited': {
    opened: ['open', 'greet'],
    received: ['open', 'append'],
    verdict: ['closed', 'close release'],
    limited: ['open', ''],
    allowed: ['open', 'resume'],
    stored: ['open', 'ack'],
    failed: ['closed', 'close release'],
    peer_closed: ['closed', 'release'],
  },
  draining: {
    opened: ['closed', 'greet close release'],
    received: ['draining', ''],
    verdict: ['draining', ''],
    limited: ['draining', ''],
    allowed: ['draining', ''],
    stored: ['closed', 'ack close release'],
    failed: ['closed', 'close release'],
    peer_closed: ['leaving', ''],
  },
  leaving: {
    opened: ['closed', 'release'],
    received: ['leaving', ''],
    verdict: ['leaving', ''],
    limited: ['leaving', ''],
    allowed: ['leaving', ''],
    stored: ['closed', 'release'],
    failed: ['closed', 'release'],
    peer_closed: ['leaving', ''],
  },
  closed: {
    opened: ['closed', ''],
    received: ['closed', ''],
    verdict: ['closed', ''],
    limited: ['closed', ''],
    allowed: ['closed', ''],
    stored: ['closed', ''],
    failed: ['closed', ''],
    peer_closed: ['closed', ''],
  },
}

for (const [name, make] of Object.entries(states))
  test(`a socket that is ${name} answers every event as the table says`, () => {
    for (const event of events) {
      const session = make()
      const effects = step(session, event, limits).map(e => e.type)
      assert.deepEqual([session.phase, effects.join(' ')], table[name]![event.type], `${name} × ${event.type}`)
    }
  })

test('an append takes at most a batch, and the rest goes on after it', () => {
  const session: Session = { ...begin(), phase: 'open', busy: false }
  assert.deepEqual(step(session, { type: 'received', events: 300, bytes: 600 }, limits), [
    { type: 'append', events: 256 },
  ])
  assert.deepEqual(step(session, { type: 'stored', count: 256 }, limits), [
    { type: 'ack', before: 0, count: 256 },
    { type: 'append', events: 44 },
  ])
})

test('a socket is not read above its high water mark, and is read again below half of it', () => {
  const session: Session = { ...begin(), phase: 'open' }
  assert.deepEqual(step(session, { type: 'received', events: 10, bytes: 1000 }, limits), [{ type: 'pause' }])
  assert.deepEqual(step(session, { type: 'stored', count: 1 }, limits), [
    { type: 'ack', before: 0, count: 1 },
    { type: 'append', events: 10 },
  ])
  assert.deepEqual(step(session, { type: 'stored', count: 11 }, limits), [
    { type: 'ack', before: 1, count: 11 },
    { type: 'resume' },
  ])
})

test('a count that did not grow is not acknowledged again', () => {
  const session: Session = { ...begin(), phase: 'open', count: 7 }
  assert.deepEqual(step(session, { type: 'stored', count: 7 }, limits), [])
})

test('a token over its rate is not read, but what was received is stored and acknowledged', () => {
  const session: Session = { ...begin(), phase: 'open' }
  step(session, { type: 'received', events: 300, bytes: 600 }, limits)
  assert.deepEqual(step(session, { type: 'limited' }, limits), [{ type: 'pause' }])
  assert.deepEqual(step(session, { type: 'stored', count: 256 }, limits), [
    { type: 'ack', before: 0, count: 256 },
    { type: 'append', events: 256 },
  ])
  assert.deepEqual(step(session, { type: 'stored', count: 300 }, limits), [
    { type: 'ack', before: 256, count: 300 },
    { type: 'append', events: 44 },
  ])
  assert.deepEqual(step(session, { type: 'allowed' }, limits), [{ type: 'resume' }])
})

test('a socket that is both full and over its rate is read again only when it is neither', () => {
  const session: Session = { ...begin(), phase: 'open' }
  step(session, { type: 'received', events: 10, bytes: 1000 }, limits)
  assert.deepEqual(step(session, { type: 'limited' }, limits), [])
  assert.deepEqual(step(session, { type: 'allowed' }, limits), [])
  step(session, { type: 'limited' }, limits)
  step(session, { type: 'stored', count: 10 }, limits)
  assert.equal(session.paused, true)
  step(session, { type: 'stored', count: 10 }, limits)
  assert.deepEqual(step(session, { type: 'allowed' }, limits), [{ type: 'resume' }])
})
