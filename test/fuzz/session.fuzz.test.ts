import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { begin, type SessionEvent, step } from '../../gateway/ws/session.ts'

/** The socket machine under random orders of events, with a store that answers what it was asked. */

const runs = Number(process.env.MILLRACE_FUZZ_RUNS ?? 3000)
const limits = { batch: 256, highWater: 10_000 }

/** What the world does next; a store answers only what is on its way. */
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('received' as const),
      events: fc.integer({ min: 1, max: 400 }),
      bytes: fc.integer({ min: 1, max: 9000 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('answer' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fail' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('verdict' as const), code: fc.constantFrom(1000, 1001, 1007, 1009) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('peer_closed' as const) }) },
)

test('whatever happens, nothing is lost, doubled, acknowledged early or done after the end', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), actions => {
      const session = begin()
      let received = 0
      let onTheWay = 0
      let stored = 0
      let opened = false
      let acked = 0
      let failed = false
      let reading = true
      let closes = 0
      let releases = 0
      const tell = (event: SessionEvent) => {
        const dead = releases > 0
        const before = { ...session }
        for (const effect of step(session, event, limits)) {
          assert.ok(!dead, `an effect after the release: ${effect.type}`)
          switch (effect.type) {
            case 'append':
              assert.equal(onTheWay, 0, 'two appends at a time')
              assert.ok(effect.events > 0 && effect.events <= limits.batch)
              onTheWay = effect.events
              break
            case 'ack':
              assert.ok(
                effect.count <= stored && effect.count > acked,
                `ack ${effect.count}, stored ${stored}, acked ${acked}`,
              )
              acked = effect.count
              break
            case 'close':
              closes++
              assert.ok(closes === 1)
              if (!failed) assert.equal(acked, stored, 'what came before the end is acknowledged')
              break
            case 'pause':
              assert.ok(reading)
              reading = false
              break
            case 'resume':
              assert.ok(!reading)
              reading = true
              break
            case 'release':
              releases++
              break
            case 'greet':
              break
          }
        }
        const accepts = before.verdict === undefined && (before.phase === 'opening' || before.phase === 'open')
        if (event.type === 'received' && accepts) received += event.events
        if (!failed) assert.equal(received, stored + onTheWay + session.waiting, 'every event is somewhere, once')
      }
      const answer = () => {
        if (!opened) {
          opened = true
          tell({ type: 'opened', count: 0 })
        } else if (onTheWay > 0) {
          stored += onTheWay
          onTheWay = 0
          tell({ type: 'stored', count: stored })
        }
      }
      for (const next of actions) {
        if (next.type === 'answer') answer()
        else if (next.type === 'received') {
          // a socket that is paused delivers nothing
          if (reading) tell(next)
        } else if (next.type === 'verdict') tell({ type: 'verdict', verdict: { code: next.code, reason: 'x' } })
        else if (next.type === 'peer_closed') tell({ type: 'peer_closed' })
        else if (!opened || onTheWay > 0) {
          failed = true
          opened = true
          onTheWay = 0
          tell({ type: 'failed', verdict: { code: 1013, reason: 'x' } })
        }
      }
      // the world ends orderly: the peer goes, and the store answers all that is left
      if (!failed) {
        tell({ type: 'peer_closed' })
        for (let i = 0; i < 200 && releases === 0; i++) answer()
        assert.equal(stored, received, 'what was received is stored')
      }
      assert.equal(releases, 1)
      assert.equal(session.phase, 'closed')
    }),
    { numRuns: runs },
  )
})
