import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipelineFolder } from '../../../test/support/pipeline.ts'
import { service } from '../../../test/support/servers.ts'
import { avroOf, dropTopic, makeTopic, produce, random } from '../../drivers/kafka/harness.suite.ts'
import { openFor } from './harness.suite.ts'

/** The end of a topic, where the next message may never come. */

const { skip, at } = service('kafka')
const registry = service('registry')
const avro = skip || registry.skip
const brokers = at.KAFKA
const json = { data_format: 'json', schema: { id: 'int64' }, primary_key: 'id' }

test('a broken message that nothing follows is reported with its position, without rows', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, [{ value: '{"id":1}' }])
  const { source, context } = await openFor(t, { topic, ...json }, { brokers })
  const reader = source.read(await source.start())
  t.after(() => reader.close())
  assert.equal((await reader.next())!.batch.numRows, 1)
  for (const offset of [1, 2]) {
    const next = reader.next()
    await produce(brokers, topic, [{ value: 'broken' }])
    const { batch, position } = (await next)!
    assert.deepEqual([batch.numRows, position[`${topic}:0`]], [0, { offset: offset + 1, begin: 0 }])
    assert.equal(context.deadRows.length, offset)
  }
})

for (const [how, more] of [
  ['alone', {}],
  ['in a group', { MILLRACE__KAFKA_SOURCE__CONSUMER_GROUP_ID: 'live' }],
] as const)
  test(
    `a running pipeline, ${how}, shows the dead letter of the last message, and its position is behind it`,
    { skip: avro, timeout: 60_000 },
    async t => {
      const topic = await makeTopic(t, brokers)
      const place = random('out')
      t.after(() => Promise.all([place, `${place}-checkpoints`].map(name => dropTopic(brokers, name))))
      const schema = { type: 'record', name: 'Row', fields: [{ name: 'id', type: 'long' }] }
      const { encode } = await avroOf(registry.at.REGISTRY, topic, schema)
      const folder = pipelineFolder(t)
      folder.write(
        'rows.yaml',
        `
sources:
  rows:
    type: kafka
    topic: ${topic}
    primary_key: id
sinks:
  out:
    type: kafka
    from: rows
    topic: ${place}
    data_format: json
    checkpoint_topic: ${place}-checkpoints
`,
      )
      const environment = {
        MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.2',
        MILLRACE__KAFKA_SOURCE__BROKERS: brokers,
        MILLRACE__KAFKA_SOURCE__SCHEMA_REGISTRY_URL: registry.at.REGISTRY,
        MILLRACE__KAFKA_SINK__BROKERS: brokers,
        ...more,
      }
      const running = folder.start(['run', 'rows.yaml'], environment)
      await running.said(/: runs$/m)
      const good = encode({ id: 1 })
      const unknown = Buffer.from([0, 0x7f, 0, 0, 1, 2])
      const written = [[good, Buffer.from('broken')], [Buffer.from('broken 2')], [good], [unknown]]
      let offset = -1
      for (const values of written) {
        await produce(
          brokers,
          topic,
          values.map(value => ({ value })),
        )
        offset += values.length
        if (values.at(-1) === good) continue
        for (;;) {
          const { code, stdout, stderr } = await folder.millrace(
            ['dlq', 'list', '--pipeline', 'rows.yaml', '--json'],
            environment,
          )
          assert.equal(code, 0, stderr)
          if (stdout.includes(`, offset ${offset}: `)) break
          await sleep(100)
        }
      }
      await running.end('SIGKILL')
      // what is final is not read again
      const { code, stderr } = await folder.millrace(['run', 'rows.yaml', '--job-mode'], environment)
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stderr, /became a dead letter/)
    },
  )
