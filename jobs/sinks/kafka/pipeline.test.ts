import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipelineFolder } from '../../../test/support/pipeline.ts'
import { service } from '../../../test/support/servers.ts'
import { avroOf, consume, makeTopic, produce } from '../../drivers/kafka/harness.suite.ts'
import { placeFor } from './harness.suite.ts'

/** Whole pipelines, run by the program as a user would start it. */

const { skip: none, at } = service('kafka')
const registry = service('registry')
const skip = none || registry.skip
const brokers = at.KAFKA

const environment = {
  MILLRACE__CHECKPOINT_INTERVAL_SEC: '0.1',
  STREAMLING__KAFKA_SOURCE__BROKERS: brokers,
  STREAMLING__KAFKA_SOURCE__SCHEMA_REGISTRY_URL: registry.at.REGISTRY,
  STREAMLING__KAFKA_SINK__BROKERS: brokers,
  STREAMLING__KAFKA_SINK__SCHEMA_REGISTRY_URL: registry.at.REGISTRY,
}

const order = {
  type: 'record',
  name: 'Order',
  doc: '{"primaryKeys":["id"]}',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'customer', type: ['null', 'string'], default: null },
    { name: 'amount', type: 'double' },
  ],
}

/** Orders by the peer, spread over four partitions. */
async function prepare(t: TestContext) {
  const topic = await makeTopic(t, brokers, { partitions: 4 })
  const { encode } = await avroOf(registry.at.REGISTRY, topic, order)
  let next = 0
  return {
    topic,
    count: () => next,
    async add(rows: number) {
      const messages = Array.from({ length: rows }, () => {
        const id = next++
        const value = encode({ id, customer: id % 7 === 0 ? null : { string: `customer ${id}` }, amount: id / 2 })
        return { key: `${id}`, value, partition: id % 4, headers: { 'dbz.op': id % 5 === 0 ? 'u' : 'c' } }
      })
      await produce(brokers, topic, messages)
    },
  }
}

const kills = Number(process.env.MILLRACE_KAFKA_KILLS ?? 4)

test(
  'Kafka → SQL → Kafka: killed at random moments, each row comes once, and in order',
  { skip, timeout: 60_000 + kills * 10_000 },
  async t => {
    const orders = await prepare(t)
    const place = placeFor(t, brokers)
    const folder = pipelineFolder(t)
    folder.write(
      'orders.yaml',
      `
sources:
  orders:
    type: kafka
    topic: ${orders.topic}
transforms:
  big:
    type: sql
    primary_key: id
    sql: SELECT id, upper(customer) AS customer, amount FROM orders WHERE amount >= 10
sinks:
  out:
    type: kafka
    topic: ${place.topic}
    topic_partitions: 1
    from: big
    data_format: json
    compression: gzip
    checkpoint_topic: ${place.checkpoints}
`,
    )
    await orders.add(1000)
    for (let kill = 0; kill < kills; kill++) {
      const running = folder.start(['run', 'orders.yaml'], environment)
      await running.said(/: runs$/m)
      await orders.add(500)
      await sleep(Math.random() * 600)
      await running.end('SIGKILL')
    }
    const { code, stderr } = await folder.millrace(['run', 'orders.yaml', '--job-mode'], environment)
    assert.equal(code, 0, stderr)
    const wanted = Array.from({ length: orders.count() }, (_, id) => id).filter(id => id >= 20)
    const read = await consume(brokers, place.topic, wanted.length)
    const ids = read.map(({ key }) => Number(key))
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      wanted,
    )
    for (const partition of [0, 1, 2, 3]) {
      const part = ids.filter(id => id % 4 === partition)
      assert.deepEqual(
        part,
        part.toSorted((a, b) => a - b),
      )
    }
    const [first] = read
    assert.deepEqual(JSON.parse(String(first!.value)), {
      id: ids[0],
      customer: ids[0]! % 7 === 0 ? null : `CUSTOMER ${ids[0]}`,
      amount: ids[0]! / 2,
    })
    assert.equal(String(first!.headers!['dbz.op']), ids[0]! % 5 === 0 ? 'u' : 'c')
  },
)

test(
  'Avro goes round: what the sink writes a source reads, and its key is known',
  { skip, timeout: 60_000 },
  async t => {
    const orders = await prepare(t)
    const place = placeFor(t, brokers)
    const folder = pipelineFolder(t)
    await orders.add(50)
    const there = {
      sources: { orders: { type: 'kafka', topic: orders.topic } },
      transforms: {},
      sinks: {
        out: {
          type: 'kafka',
          from: 'orders',
          topic: place.topic,
          data_format: 'avro',
          topic_partitions: 2,
          compression: 'zstd',
          checkpoint_topic: place.checkpoints,
        },
      },
    }
    const back = {
      sources: { again: { type: 'kafka', topic: place.topic } },
      transforms: {},
      sinks: { table: { type: 'sqlite', from: 'again', path: 'out.db', table: 'orders' } },
    }
    for (const [name, pipeline] of Object.entries({ there, back })) {
      folder.write(`${name}.yaml`, JSON.stringify(pipeline))
      const { code, stderr } = await folder.millrace(['run', `${name}.yaml`, '--job-mode'], environment)
      assert.equal(code, 0, stderr)
    }
    assert.deepEqual(
      folder.query('out.db', 'select * from orders order by id').map(row => ({ ...row })),
      Array.from({ length: 50 }, (_, id) => ({ id, customer: id % 7 === 0 ? null : `customer ${id}`, amount: id / 2 })),
    )
  },
)

test('a hybrid reads files, and then the topic behind what the files have', { skip, timeout: 60_000 }, async t => {
  const orders = await prepare(t)
  const folder = pipelineFolder(t)
  await orders.add(20)
  folder.write('old.ndjson', [-2, -1].map(id => `{"id":${id},"customer":"old","amount":0.5}\n`).join(''))
  folder.write(
    'all.yaml',
    JSON.stringify({
      sources: {
        all: {
          type: 'hybrid',
          bounded_sources: [{ source_type: 'file', path: 'old.ndjson' }],
          unbounded_source: { source_type: 'kafka', topic: orders.topic, start_at: 'latest' },
        },
      },
      transforms: {},
      sinks: { table: { type: 'sqlite', from: 'all', path: 'out.db', table: 'orders' } },
    }),
  )
  const job = await folder.millrace(['run', 'all.yaml', '--job-mode'], environment)
  assert.equal(job.code, 0, job.stderr)
  await orders.add(5)
  const running = folder.start(['run', 'all.yaml'], environment)
  await running.said(/: runs$/m)
  await orders.add(5)
  const ids = () => folder.query('out.db', 'select id from orders order by id').map(({ id }) => id)
  for (const end = Date.now() + 20_000; ids().length < 12 && Date.now() < end; ) await sleep(50)
  assert.equal((await running.end()).code, 0)
  assert.deepEqual(ids(), [-2, -1, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
})

test(
  'check tells what is missing without a server, and with --connect what the servers lack',
  { skip, timeout: 60_000 },
  async t => {
    const folder = pipelineFolder(t)
    const pipeline = (sink: object) => ({
      sources: { rows: { type: 'file', path: 'rows.ndjson' } },
      transforms: {},
      sinks: { out: { type: 'kafka', from: 'rows', topic: 'out', data_format: 'json', ...sink } },
    })
    folder.write('rows.ndjson', '{"id":1,"a b":2}\n')
    const check = async (sink: object, ...more: string[]) => {
      folder.write('p.yaml', JSON.stringify(pipeline(sink)))
      const { code, stdout, stderr } = await folder.millrace(['check', 'p.yaml', ...more], environment)
      return `${code} ${stdout}${stderr}`
    }
    assert.match(await check({}), /^1 .*a primary_key is needed, which becomes the key of the messages/s)
    assert.match(await check({ primary_key: 'nope' }), /^1 .*"nope"/s)
    assert.match(
      await check({ primary_key: 'id', data_format: 'avro' }),
      /^1 .*column "a b" cannot be a field of Avro/s,
    )
    assert.match(await check({ primary_key: 'id', topic: 'a/b' }), /^1 .*"a\/b" is no name of a topic/s)
    assert.match(
      await check({ primary_key: 'id', transaction_timeout: '10ms' }),
      /^1 .*transaction_timeout is 0\.01 s/s,
    )
    assert.match(await check({ primary_key: 'id' }), /^0 /)
    assert.match(await check({ primary_key: 'id' }, '--connect'), /^0 /)
  },
)
