import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { manage, service } from '../../../test/support/servers.ts'
import { consume, cuttable } from '../../drivers/kafka/harness.suite.ts'
import { toPipelineError } from '../../runtime/errors.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { openSink, type Place, placeFor } from './harness.suite.ts'
import { epochBatches, epochIds } from './remote.suite.ts'

/** Connections that break inside requests, and a broker that is killed. */

const { skip, at } = service('kafka')
const own = service('kafka', 'sink-faults')
after(() => own.skip || manage('clean', 'kafka@sink-faults'))

const cuts = Number(process.env.MILLRACE_KAFKA_CUTS ?? 8)

async function assertIs(place: Place, brokers: string, epochs: number): Promise<void> {
  const wanted = Array.from({ length: epochs }, (_, at) => epochIds(at + 1)).flat()
  const read = await consume(brokers, place.topic, wanted.length)
  assert.deepEqual(
    read.map(({ key }) => Number(key)),
    wanted,
  )
}

interface Disturbed {
  /** how often anything was tried again, by the sink or with a new one */
  tries: number
}

/** Publishes the epochs one after another, as the runtime would: a failure begins again with a new sink. */
async function publish(
  t: TestContext,
  place: Place,
  epochs: number,
  disturb: { before?(epoch: number): void; between?(epoch: number): void } = {},
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
        await sink.commit(checkpoint(epoch))
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
    await assertIs(place, at.KAFKA, cuts + 1)
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
    await assertIs(place, at.KAFKA, cuts + 1)
  },
)

test(
  'a broker that is killed in an open transaction has each row once',
  { skip: own.skip, timeout: 180_000 },
  async t => {
    const place = placeFor(t, own.at.KAFKA)
    const killed = new Set<number>()
    const { tries } = await publish(t, place, 4, {
      between(epoch) {
        if (epoch !== 2 || killed.has(epoch)) return
        killed.add(epoch)
        manage('restart', 'kafka@sink-faults')
      },
    })
    assert.ok(tries > 0)
    await assertIs(place, own.at.KAFKA, 4)
  },
)
