import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service } from '../../../test/support/servers.ts'
import { avroOf, dropTopic, random, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import { OP } from '../../runtime/batch/types.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { configFor, contextFor, openSink, type Place, placeFor, types } from './harness.suite.ts'
import { kafka } from './kafka.ts'

/** What `check` tells, and what it asks of servers with `--connect`. */

const { skip, at } = service('kafka')
const registry = service('registry')
const brokers = at.KAFKA
const avro = { skip: skip || registry.skip }

const connect = (place: Place, keys: Record<string, unknown> = {}, of: Types = types) =>
  kafka.connect!(configFor(place, keys), streamOf({ ...of, [OP]: 'utf8' }), contextFor(place))

const isThere = (place: Place) =>
  withAdmin(brokers, async admin => {
    const topics = await admin.listTopics()
    return [place.topic, place.checkpoints].some(name => topics.includes(name))
  })

test('a topic that could not be made is told with what is wrong, and none is made', { skip }, async t => {
  const place = placeFor(t, brokers)
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { topic_configs: { 'cleanup.policy': 'sometimes' } },
      /a setting of the topic is wrong \(INVALID_CONFIG: .*sometimes/,
    ],
    [{ topic_configs: { 'no.such.key': 1 } }, /INVALID_CONFIG: .*no\.such\.key/],
  ]
  for (const [keys, why] of cases)
    await assert.rejects(connect(place, keys), error => {
      assert.ok(error instanceof PipelineError)
      assert.ok(error.message.startsWith(`topic ${place.topic} cannot be made: kafka ${brokers}: `), error.message)
      assert.match(error.message, why)
      return error.code === 'refused'
    })
  await assert.rejects(connect(place, { topic_replication: 9 }), error => {
    assert.ok(error instanceof AggregateError)
    assert.deepEqual(
      error.errors.map(({ message }) => /^topic (\S+) cannot be made: .*fewer brokers than copies/.exec(message)?.[1]),
      [place.topic, place.checkpoints],
    )
    return true
  })
  await connect(place)
  assert.equal(await isThere(place), false)
})

test('a topic that is there is not made, so that its settings are not looked at', { skip }, async t => {
  const place = placeFor(t, brokers)
  await openSink(t, place)
  await connect(place, { topic_replication: 9 })
})

test('columns that the registry would refuse are told, and nothing is registered', avro, async t => {
  const place = placeFor(t, brokers, registry.at.REGISTRY)
  const subject = `${place.topic}-value`
  const keys = { data_format: 'avro' }
  await connect(place, keys)
  const versions = () => fetch(`${registry.at.REGISTRY}/subjects/${subject}/versions`)
  assert.equal((await versions()).status, 404)
  await avroOf(registry.at.REGISTRY, place.topic, {
    type: 'record',
    name: 'Row',
    fields: [{ name: 'id', type: ['null', 'long'], default: null }],
  })
  await fetch(`${registry.at.REGISTRY}/config/${subject}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"compatibility":"BACKWARD"}',
  })
  await connect(place, keys)
  await assert.rejects(connect(place, keys, { id: 'utf8' }), {
    code: 'refused',
    message: new RegExp(
      `^the schema registry ${registry.at.REGISTRY} does not take the columns of the rows as a new version of ${subject}: .`,
    ),
  })
  assert.deepEqual(await (await versions()).json(), [1])
  assert.equal(await isThere(place), false)
})

test('a URL of the registry without its path is told, and nothing is made', avro, async t => {
  const host = new URL(registry.at.REGISTRY).origin
  const place = placeFor(t, brokers, host)
  await assert.rejects(connect(place, { data_format: 'avro' }), {
    code: 'bad_pipeline',
    message: new RegExp(`schema registry ${host}: status 404 .* check kafka_sink\\.schema_registry_url`),
  })
  assert.equal(await isThere(place), false)
})

test('names that Kafka knows for no topic are told without a server, and odd ones are taken', { skip }, async t => {
  const place = placeFor(t, brokers)
  const check = (name: string, key = 'topic') => {
    const config = { ...configFor(place), [key]: name }
    return kafka.check(config, streamOf({ ...types, [OP]: 'utf8' }), contextFor(place))
  }
  for (const key of ['topic', 'checkpoint_topic'])
    for (const name of ['.', '..', 'a/b', 'ä', 'a b', 'x'.repeat(250)])
      await assert.rejects(check(name, key), {
        code: 'bad_pipeline',
        path: [key],
        message: /is no name of a topic|has at most 249 characters, and x+… has 250$/,
      })
  for (const name of [random('a..b'), `${random('x')}${'x'.repeat(249)}`.slice(0, 249)]) {
    t.after(() => dropTopic(brokers, name))
    await check(name)
    await connect({ ...place, topic: name })
    await openSink(t, { ...place, topic: name })
  }
})
