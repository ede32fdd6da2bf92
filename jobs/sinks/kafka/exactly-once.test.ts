import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'

import { consume, produce, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import { exactlyOnceSuite } from '../../runtime/harness/exactly-once.suite.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { batchOf, openSink, type Place, placeFor } from './harness.suite.ts'
import { epochBatches, epochIds, startRemote } from './remote.suite.ts'

const { skip, at } = service('kafka')
const old = service('kafka3')
const brokers = at.KAFKA

/** Each id of the epochs once, in order, as the peer sees them. */
async function assertIs(place: Place, epoch: number): Promise<void> {
  const wanted = Array.from({ length: epoch }, (_, at) => epochIds(at + 1)).flat()
  const read = await consume(place.brokers, place.topic, wanted.length)
  assert.deepEqual(
    read.map(({ key }) => Number(key)),
    wanted,
  )
}

/** Rows of an epoch as one batch, which the suite asks for. */
const batch = (epoch: number) => batchOf(epochIds(epoch).map(id => ({ id, who: `row ${id} of epoch ${epoch}` })))

if (!skip) {
  const places = new Map<string, Place>()
  exactlyOnceSuite({
    type: 'kafka',
    place(t) {
      const place = placeFor(t, brokers)
      places.set(place.topic, place)
      return place.topic
    },
    open: async (t, path) => (await openSink(t, places.get(path)!)).sink,
    startStepwise: (t, path) => startRemote(t, { place: places.get(path)!, stepwise: true }),
    batch,
    assertIs: (path, epoch) => assertIs(places.get(path)!, epoch),
  })
} else test('kafka: exactly once', { skip }, () => {})

const asked = Number(process.env.MILLRACE_KAFKA_KILLS ?? 10)

for (const [version, { kills, ...servers }] of Object.entries({
  4: { skip, brokers, kills: asked },
  3: { skip: old.skip, brokers: old.at.KAFKA3, kills: Math.ceil(asked / 4) },
}))
  test(
    `a writer that is killed ${kills} times has published each row once (Kafka ${version})`,
    { skip: servers.skip, timeout: 600_000 },
    async t => {
      const place = placeFor(t, servers.brokers)
      const until = kills * 3
      let left = kills
      for (;;) {
        const remote = startRemote(t, { place, ...(left === 0 && { until }) })
        if (left-- === 0) {
          await remote.ended()
          break
        }
        await remote.next(left % 2 === 0 ? 'staged' : 'committed')
        await sleep(Math.random() * 25)
        await remote.kill()
      }
      await assertIs(place, until)
    },
  )

test('a row that an open transaction holds is not seen, and what was left open is rolled back', { skip }, async t => {
  const place = placeFor(t, brokers)
  const remote = startRemote(t, { place, stepwise: true })
  await remote.next('staged')
  await remote.kill()
  const { sink } = await openSink(t, place)
  assert.equal(await sink.begin(), undefined)
  for (const part of epochBatches(1)) await sink.write(part, 1)
  await sink.commit(checkpoint(1))
  await assertIs(place, 1)
})

test('a sink that is closed in an epoch rolls it back, so that readers need not wait', { skip }, async t => {
  const place = placeFor(t, brokers)
  const { sink, context } = await openSink(t, place)
  await sink.begin()
  await sink.write(batchOf([{ id: 1, who: 'x'.repeat(2_000_000) }]), 1)
  await withAdmin(brokers, admin => admin.fetchTopicOffsets(place.topic))
  context.abort()
  await sink.close()
  await produce(brokers, place.topic, [{ key: 'after', value: '1' }])
  assert.equal(String((await consume(brokers, place.topic, 1))[0]!.key), 'after')
})

test('an open transaction of another sink does not hide a checkpoint', { skip }, async t => {
  const place = placeFor(t, brokers)
  const { sink } = await openSink(t, place)
  await sink.begin()
  await sink.commit(checkpoint(1))
  const { createProducer } = await import('../../drivers/kafka/transaction.ts')
  const { connectCluster } = await import('../../drivers/kafka/cluster.ts')
  const { createBatchWriter } = await import('../../drivers/kafka/write.ts')
  const { contextFor } = await import('./harness.suite.ts')
  const context = contextFor(place)
  const cluster = connectCluster(context.settings.kafka_sink, 'kafka_sink', context)
  t.after(() => cluster.close())
  const leaderOf = async (name: string) => (await cluster.topic(name))!.leaders[0]!
  const other = createProducer({ cluster, context, transactionalId: place.topic, timeout: 60_000, leaderOf })
  await other.begin()
  const writer = createBatchWriter()
  writer.add(Buffer.from('other'), Buffer.from('{}'), 0)
  await other.send([{ topic: place.checkpoints, partition: 0, batch: writer.finish('none') }])
  await sink.commit(checkpoint(2))
  const { sink: next } = await openSink(t, place)
  assert.deepEqual(await next.begin(), checkpoint(2))
  await other.abort()
})

test('reset forgets the checkpoint, and leaves the rows', { skip }, async t => {
  const place = placeFor(t, brokers)
  const { sink } = await openSink(t, place)
  await sink.begin()
  await sink.write(batch(1), 1)
  await sink.commit(checkpoint(1))
  const { sink: next } = await openSink(t, place)
  await next.reset()
  assert.equal(await next.begin(), undefined)
  await assertIs(place, 1)
})

test(
  'an epoch that was published is dropped when it comes again, and another of its number is an error',
  { skip },
  async t => {
    const place = placeFor(t, brokers)
    const { sink } = await openSink(t, place)
    await sink.begin()
    await sink.write(batch(1), 1)
    await sink.commit(checkpoint(1))
    await sink.write(batch(1), 1)
    await sink.commit(checkpoint(1))
    await assert.rejects(sink.commit({ ...checkpoint(1), to: { rows: { at: 99 } } }), {
      code: 'state',
      message: /has published epoch 1 already, and cannot publish another one of this number/,
    })
    await assertIs(place, 1)
  },
)

test('a sink that was published to another topic says so', { skip }, async t => {
  const place = placeFor(t, brokers)
  const { sink } = await openSink(t, place)
  await sink.begin()
  await sink.commit(checkpoint(1))
  const { sink: moved } = await openSink(t, { ...placeFor(t, brokers), checkpoints: place.checkpoints })
  await assert.rejects(moved.begin(), {
    code: 'state',
    message: /was published to topic out-\w+, and its configuration now says out-/,
  })
})
