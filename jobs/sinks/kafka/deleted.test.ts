import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipelineFolder } from '../../../test/support/pipeline.ts'
import { service } from '../../../test/support/servers.ts'
import { consume, dropTopic, makeTopic, produce, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import { checkpoint } from '../../runtime/harness/sink.suite.ts'
import { batchOf, openSink, placeFor } from './harness.suite.ts'

/** A topic that somebody deletes under a running sink. */

/** The peer fails where it asks for one that is not there yet. */
const made = (topic: string) =>
  withAdmin(brokers, async admin => {
    for (;;) {
      if ((await admin.listTopics()).includes(topic)) {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
        if (topics[0]?.partitions.every(({ leader }) => leader >= 0)) return
      }
      await sleep(50)
    }
  })

/** The controller answers before the broker knows: until then what is committed goes with the topic. */
const gone = (topic: string) =>
  withAdmin(brokers, async admin => {
    while ((await admin.listTopics()).includes(topic)) await sleep(50)
  })

const { skip, at } = service('kafka')
const brokers = at.KAFKA

// each waits for 10 s
describe('a topic that is deleted', { concurrency: true }, () => {
  for (const isOpen of [false, true])
    test(
      `${isOpen ? 'within' : 'before'} a transaction ends the attempt, and the next one makes it`,
      { skip, timeout: 90_000 },
      async t => {
        const place = placeFor(t, brokers)
        const { sink } = await openSink(t, place)
        await sink.begin()
        await sink.write(batchOf([{ id: 1 }]), 1)
        await sink.commit(checkpoint(1))
        const big = batchOf(Array.from({ length: 3000 }, (_, id) => ({ id, who: 'x'.repeat(1000) })))
        if (isOpen) await sink.write(big, 2)
        await dropTopic(brokers, place.topic)
        await gone(place.topic)
        await assert.rejects(
          async () => {
            await sink.write(big, 2)
            await sink.commit(checkpoint(2))
          },
          {
            code: 'unavailable',
            message: new RegExp(
              `topic ${place.topic} was deleted, with the messages that it had: the pipeline starts again.* start with --reset, or give the sink another name$`,
            ),
          },
        )
        await sink.close()
        const { sink: next } = await openSink(t, place)
        assert.equal((await next.begin())?.epoch, 1)
        await next.write(batchOf([{ id: 7 }]), 2)
        await next.commit(checkpoint(2))
        assert.deepEqual(
          (await consume(brokers, place.topic, 1)).map(({ key }) => String(key)),
          ['7'],
        )
      },
    )

  test('under a running pipeline is made anew', { skip, timeout: 120_000 }, async t => {
    const from = await makeTopic(t, brokers)
    const place = placeFor(t, brokers)
    const folder = pipelineFolder(t)
    folder.write(
      'copy.yaml',
      `
sources:
  rows:
    type: kafka
    topic: ${from}
    data_format: json
    schema: { id: int64 }
    primary_key: id
sinks:
  out:
    type: kafka
    from: rows
    topic: ${place.topic}
    topic_partitions: 1
    data_format: json
    compression: gzip
    checkpoint_topic: ${place.checkpoints}
`,
    )
    const running = folder.start(['run', 'copy.yaml'], {
      MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.1',
      MILLRACE__KAFKA_SOURCE__BROKERS: brokers,
      MILLRACE__KAFKA_SINK__BROKERS: brokers,
    })
    await running.said(/: runs$/m)
    await produce(brokers, from, [{ value: '{"id":1}' }])
    await made(place.topic)
    await consume(brokers, place.topic, 1)
    await dropTopic(brokers, place.topic)
    await produce(brokers, from, [{ value: '{"id":2}' }])
    await running.said(new RegExp(`topic ${place.topic} was deleted`))
    await made(place.topic)
    const read = await consume(brokers, place.topic, 1)
    assert.deepEqual(
      read.map(({ value }) => String(value)),
      ['{"id":2}'],
    )
    await running.end('SIGTERM')
  })
})
