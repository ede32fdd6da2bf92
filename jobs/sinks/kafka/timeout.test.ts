import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { batchOf, openSink, placeFor } from './harness.suite.ts'

const { skip, at } = service('kafka')

test('a transaction that lasts too long is told as such, and not as a newer run', { skip }, async t => {
  const place = placeFor(t, at.KAFKA)
  const settings = { checkpoint_interval_sec: 0.5 }
  const { sink } = await openSink(t, place, { settings, keys: { transaction_timeout: '1s' } })
  await sink.begin()
  await sink.write(batchOf([{ id: 1, who: 'a' }]), 1)
  // a message that is sent opens the transaction
  await sink.write(batchOf([{ id: -1, who: 'x'.repeat(2_000_000) }]), 1)
  // the brokers look for such transactions every 10 s
  await sleep(12_000)
  await assert.rejects(sink.commit(checkpoint(1)), {
    code: 'timeout',
    message: /the transaction was rolled back by the broker after \d+ s, of at most 1 s: raise transaction_timeout/,
  })
  const { sink: next } = await openSink(t, place)
  assert.equal(await next.begin(), undefined)
})
