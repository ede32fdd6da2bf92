import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'
import { longPauseSuite } from '../../runtime/harness/pauses.suite.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { batchOf, openSink, placeFor } from './harness.suite.ts'
import { subjectAt } from './subject.suite.ts'

const { skip, at } = service('kafka')
/** the shortest that is not less than what a busy machine takes for an epoch */
const short = { settings: { checkpoint_interval_sec: 0.5 }, keys: { transaction_timeout: '2s' } }
/** The brokers look for transactions that last too long every 10 s. */
const overMs = 12_500

describe('transactions that last too long', { concurrency: true }, () => {
  if (!skip) {
    const subject = subjectAt(at.KAFKA, short)
    longPauseSuite(subject, { ms: overMs, start: (t, path) => subject.start(t, path, {}) })
  }

  test('a transaction that lasts too long is told as such, and not as a newer run', { skip }, async t => {
    const place = placeFor(t, at.KAFKA)
    const { sink } = await openSink(t, place, short)
    await sink.begin()
    await sink.write(batchOf([{ id: 1, who: 'a' }]), 1)
    // a message that is sent opens the transaction
    await sink.write(batchOf([{ id: -1, who: 'x'.repeat(2_000_000) }]), 1)
    await sleep(overMs)
    await assert.rejects(sink.commit(checkpoint(1)), {
      code: 'timeout',
      message: /the transaction was rolled back by the broker after \d+ s, of at most 2 s: raise transaction_timeout/,
    })
    const { sink: next } = await openSink(t, place)
    assert.equal(await next.begin(), undefined)
  })
})
