import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { service } from '../../../test/support/servers.ts'
import { consume, produce, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import { exactlyOnceSuite } from '../../runtime/harness/exactly-once.suite.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { batchOf, openSink, placeFor } from './harness.suite.ts'
import { epochBatches, startRemote } from './remote.suite.ts'
import { assertIs, epochBatch, subjectAt } from './subject.suite.ts'

const { skip, at } = service('kafka')
const old = service('kafka3')
const brokers = at.KAFKA

if (skip) test('kafka: exactly once', { skip }, () => {})
else exactlyOnceSuite(subjectAt(brokers))

const asked = Number(process.env.MILLRACE_KAFKA_KILLS ?? 10)

for (const [version, { kills, ...servers }] of Object.entries({
  4: { skip, brokers, kills: asked },
  3: { skip: old.skip, brokers: old.at.KAFKA3, kills: Math.ceil(asked / 4) },
}))
  test(
    `a writer that is killed ${kills} times has published each row once (Kafka ${version})`,
    { skip: servers.skip, timeout: 60_000 + 10_000 * kills },
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
  await sink.write(epochBatch(1), 1)
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
    await sink.write(epochBatch(1), 1)
    await sink.commit(checkpoint(1))
    await sink.write(epochBatch(1), 1)
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
