import assert from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { service } from '../../../test/support/servers.ts'
import { dropTopic, makeTopic, peerOf, produce, random, withAdmin } from '../../drivers/kafka/harness.suite.ts'
import { batchesOf, rowsIn, stored } from '../../runtime/harness/source.suite.ts'
import { openFor, readAll } from './harness.suite.ts'

/** What the log of a topic may be, and what may become of it. */

const { skip, at } = service('kafka')
const brokers = at.KAFKA
const json = { data_format: 'json', schema: { id: 'int64' }, primary_key: 'id' }
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)
const messages = (from: number, to: number, partition = 0) =>
  ids(from, to).map(id => ({ value: JSON.stringify({ id }), partition }))
const idsIn = (batches: Parameters<typeof rowsIn>[0]) => rowsIn(batches).map(({ id }) => id)

test(
  'transactions that were rolled back are not read, however many, and a position goes past their markers',
  { skip },
  async t => {
    const topic = await makeTopic(t, brokers)
    const producer = peerOf(brokers).producer({
      transactionalId: random('peer'),
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    const wanted: number[] = []
    for (let turn = 0; turn < 6; turn++) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: messages(turn * 10, turn * 10 + 3) })
      if (turn % 2 === 0) await transaction.abort()
      else {
        await transaction.commit()
        wanted.push(...ids(turn * 10, turn * 10 + 3))
      }
    }
    // one that is open holds up what is behind it
    const open = await producer.transaction()
    await open.send({ topic, messages: messages(900, 901) })
    await produce(brokers, topic, messages(901, 902))
    const { batches, source } = await readAll(t, { topic, ...json }, { brokers })
    assert.deepEqual(idsIn(batches), wanted)
    assert.deepEqual(batches.at(-1)!.position[`${topic}:0`], { offset: 24, begin: 0 })
    for (const [at, { position }] of batches.entries()) {
      const from = at === 0 ? await source.start() : batches[at - 1]!.position
      assert.deepEqual(idsIn(await batchesOf(source, from, { to: position })), idsIn([batches[at]!]))
    }
    await open.abort()
    await producer.disconnect()
  },
)

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'])
  test(`messages are read that the broker has compressed with ${compression}`, { skip }, async t => {
    const topic = await makeTopic(t, brokers, { configs: { 'compression.type': compression } })
    const text = 'x'.repeat(300)
    await produce(
      brokers,
      topic,
      ids(0, 1000).map(id => ({ key: `${id}`, value: JSON.stringify({ id, text }) })),
    )
    const { batches } = await readAll(t, { topic, ...json }, { brokers })
    assert.deepEqual(idsIn(batches), ids(0, 1000))
  })

test('messages that are gone are an error that names them, and never a gap', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, messages(0, 10))
  const { source } = await openFor(t, { topic, ...json }, { brokers })
  const start = stored(await source.start())
  await withAdmin(brokers, async admin => {
    // it knows no leaders otherwise
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] })
  })
  await assert.rejects(batchesOf(source, start, { count: 1 }), {
    code: 'bad_data',
    message: /topic topic-\w+, partition 0: messages 0 to 6 are gone, since the log now begins at 7 \(retention\)/,
  })
  await assert.rejects(batchesOf(source, start, { to: { ...start, [`${topic}:0`]: { offset: 3, begin: 0 } } }), {
    code: 'bad_data',
  })
  const { rows } = await readAll(t, { topic, ...json }, { brokers })
  assert.equal(rows.length, 3)
})

test('a position behind the end of the log is an error', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, messages(0, 3))
  const { source } = await openFor(t, { topic, ...json }, { brokers })
  const start = await source.start()
  await assert.rejects(batchesOf(source, { ...start, [`${topic}:0`]: { offset: 50, begin: 0 } }, { count: 1 }), {
    code: 'state',
    message: /the position is 50, and the log ends at 3: it was cut off or is another one/,
  })
})

test('a topic that was deleted and made again is an error, before a start and while it is read', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, messages(0, 3))
  const { source } = await openFor(t, { topic, ...json }, { brokers })
  const start = stored(await source.start())
  const reader = source.read(start)
  const first = await reader.next()
  const next = reader.next()
  next.catch(() => {})
  await dropTopic(brokers, topic)
  await makeTopic(t, brokers, { name: topic })
  await produce(brokers, topic, messages(10, 20))
  await assert.rejects(next, { code: 'state', message: /^topic topic-\w+ was deleted and made again/ })
  await reader.close()
  const { source: again } = await openFor(t, { topic, ...json }, { brokers })
  assert.throws(() => again.read(first!.position), { code: 'state', message: /was deleted and made again/ })
})

test('a topic that is missing is told with its brokers', { skip }, async t => {
  await assert.rejects(openFor(t, { topic: 'nobody-made-this', ...json }, { brokers }), {
    code: 'bad_pipeline',
    message: `look up topic nobody-made-this: kafka ${brokers} has no topic "nobody-made-this"`.slice(
      'look up topic nobody-made-this: '.length,
    ),
    path: ['topic'],
  })
})

test('partitions that are added are read from their beginning, in a run and after a restart', { skip }, async t => {
  const topic = await makeTopic(t, brokers)
  await produce(brokers, topic, messages(0, 2))
  const { source } = await openFor(t, { topic, ...json, start_at: 'latest' }, { brokers })
  const start = stored(await source.start())
  await withAdmin(brokers, admin => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }))
  await produce(brokers, topic, messages(5, 7, 1))
  const { source: again } = await openFor(t, { topic, ...json, start_at: 'latest' }, { brokers })
  const batches = await batchesOf(again, start, { count: 2 })
  assert.deepEqual(idsIn(batches), [5, 6])
  assert.deepEqual(idsIn(await batchesOf(again, start, { to: batches.at(-1)!.position })), [5, 6])
})

test('a pipeline without state begins where it is told', { skip }, async t => {
  const topic = await makeTopic(t, brokers, { partitions: 2 })
  const stamped = (id: number, partition: number, timestamp: string) => ({
    value: `{"id":${id}}`,
    partition,
    timestamp,
  })
  await produce(brokers, topic, [
    stamped(0, 0, '1700000000000'),
    stamped(1, 0, '1700000010000'),
    stamped(2, 1, '1700000000000'),
    stamped(3, 1, '1700000020000'),
  ])
  const read = async (keys: object) =>
    (await readAll(t, { topic, ...json, ...keys }, { brokers })).rows.map(({ id }) => id as number).sort()
  assert.deepEqual(await read({}), [0, 1, 2, 3])
  assert.deepEqual(await read({ starting_offsets: 'latest' }), [])
  assert.deepEqual(await read({ starting_offsets: 'latest', start_at: 'earliest' }), [0, 1, 2, 3])
  assert.deepEqual(await read({ start_at: '2023-11-14T22:13:30Z' }), [1, 3])
  assert.deepEqual(await read({ start_at: '2100-01-01T00:00:00Z' }), [])
  assert.deepEqual(await read({ start_at: { 0: 1 } }), [1, 2, 3])
  await assert.rejects(read({ start_at: { 0: 3 } }), {
    code: 'bad_pipeline',
    message: `start_at says 3 for partition 0 of ${topic}, whose log has 0 to 2`,
  })
  await assert.rejects(read({ start_at: { 7: 0 } }), { message: /which has partitions 0 to 1$/ })
  const { source } = await openFor(t, { topic, ...json, mode: { type: 'bounded' } }, { brokers })
  const after = await source.startAfter!(new Map([[0, 0n]]))
  assert.deepEqual(idsIn(await batchesOf(source, after)).toSorted(), [1, 2, 3])
})

test('a hundred partitions are all read to their ends', { skip }, async t => {
  const topic = await makeTopic(t, brokers, { partitions: 100 })
  await produce(
    brokers,
    topic,
    ids(0, 1000).map(id => ({ value: `{"id":${id}}`, partition: id % 100 })),
  )
  const { batches } = await readAll(t, { topic, ...json }, { brokers })
  assert.deepEqual(
    idsIn(batches).toSorted((a, b) => Number(a) - Number(b)),
    ids(0, 1000),
  )
})

test('a message of many megabytes is read, and what is behind it', { skip }, async t => {
  const topic = await makeTopic(t, brokers, { configs: { 'max.message.bytes': '20000000' } })
  const text = 'x'.repeat(9_000_000)
  for (const id of [0, 1, 2]) await produce(brokers, topic, [{ value: JSON.stringify({ id, text }) }])
  const { rows } = await readAll(t, { topic, data_format: 'json', schema: { id: 'int64', text: 'utf8' } }, { brokers })
  assert.deepEqual(
    rows.map(({ id, text: read }) => [id, String(read).length]),
    [0, 1, 2].map(id => [id, text.length]),
  )
})
