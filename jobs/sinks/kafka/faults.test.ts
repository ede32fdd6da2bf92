import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { manage, service } from '../../../test/support/servers.ts'
import { cuttable } from '../../drivers/kafka/harness.suite.ts'
import { toPipelineError } from '../../runtime/errors.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink, type Place, placeFor } from './harness.suite.ts'
import { epochBatches } from './remote.suite.ts'
import { assertIs } from './subject.suite.ts'

/** Connections that break inside requests, and a broker that is killed. */

const { skip, at } = service('kafka')
const own = service('kafka', 'sink-faults')
after(() => own.skip || manage('clean', 'kafka@sink-faults'))

const cuts = Number(process.env.MILLRACE_KAFKA_CUTS ?? 8)
const restarts = Number(process.env.MILLRACE_KAFKA_RESTARTS ?? 1)

interface Disturbed {
  /** how often anything was tried again, by the sink or with a new one */
  tries: number
}

/** Publishes the epochs one after another, as the runtime would: a failure begins again with a new sink. */
async function publish(
  t: TestContext,
  place: Place,
  epochs: number,
  disturb: { before?(epoch: number): void; between?(epoch: number): void; within?(epoch: number): Promise<void> } = {},
): Promise<Disturbed> {
  let tries = 0
  for (;;) {
    const { sink } = await openSink(t, place, { onRetry: () => tries++ })
    try {
      const last = (await sink.begin())?.epoch ?? 0
      if (last === epochs) return { tries }
      for (let epoch = last + 1; epoch <= epochs; epoch++) {
        disturb.before?.(epoch)
        for (const batch of epochBatches(epoch)) await sink.write(batch, epoch)
        disturb.between?.(epoch)
        const committed = sink.commit(checkpoint(epoch))
        // it is awaited below, also where the broker is gone before
        committed.catch(() => {})
        await disturb.within?.(epoch)
        await committed
      }
    } catch (error) {
      const { code, message } = toPipelineError(error)
      assert.ok(['unavailable', 'timeout'].includes(code), `${code}: ${message}`)
      tries++
    } finally {
      await sink.close()
    }
  }
}

test(
  `connections that are cut ${cuts} times inside produce and commit lose and double nothing`,
  { skip, timeout: 120_000 },
  async t => {
    const proxy = await cuttable(t, at.KAFKA)
    const direct = placeFor(t, at.KAFKA)
    const place = { ...direct, brokers: proxy.brokers }
    await publish(t, place, 1)
    const before = (epoch: number) => proxy.cutAfter(20 + ((epoch * 977) % 4000))
    const { tries } = await publish(t, place, cuts + 1, { before })
    assert.ok(tries >= cuts / 2, `${tries} cuts were felt`)
    await assertIs(direct, cuts + 1)
  },
)

test(
  `answers that are lost ${cuts} times, of commits too, lose and double nothing`,
  { skip, timeout: 120_000 },
  async t => {
    const proxy = await cuttable(t, at.KAFKA)
    const direct = placeFor(t, at.KAFKA)
    const place = { ...direct, brokers: proxy.brokers }
    await publish(t, place, 1)
    const before = (epoch: number) => proxy.cutAnswerAfter((epoch * 23) % 160)
    const { tries } = await publish(t, place, cuts + 1, { before })
    assert.ok(tries >= cuts / 2, `${tries} cuts were felt`)
    await assertIs(direct, cuts + 1)
  },
)

test(
  `a broker that is killed ${restarts} times, in open transactions and in commits, has each row once`,
  { skip: own.skip, timeout: 60_000 + 60_000 * restarts },
  async t => {
    const place = placeFor(t, own.at.KAFKA)
    const left = new Set(Array.from({ length: restarts }, (_, at) => 2 * (at + 1)))
    const restart = (epoch: number) => left.delete(epoch) && manage('restart', 'kafka@sink-faults')
    const { tries } = await publish(t, place, 2 * restarts + 1, {
      between: epoch => void (epoch % 4 === 2 && restart(epoch)),
      async within(epoch) {
        if (epoch % 4 !== 0) return
        await sleep(Math.random() * 20)
        restart(epoch)
      },
    })
    assert.ok(tries > 0)
    await assertIs(place, 2 * restarts + 1)
  },
)
