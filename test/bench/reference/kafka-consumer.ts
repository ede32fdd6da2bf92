/** Reads a topic to its end, and looks at nothing but the lengths of the values. */
import { Admin, Consumer } from '@platformatic/kafka'
import kafkajs from 'kafkajs'
import { answer, workerConfig } from '../load/worker.ts'

export interface KafkaConsumerConfig {
  brokers: string
  topic: string
  rows: number
  /** `fetch`: the client's requests and its decoder, the fastest that it has; `stream`: its consumer; or kafkajs */
  way: 'fetch' | 'stream' | 'kafkajs'
}

export interface KafkaConsumerResult {
  /** from the first request to the last message, without the connecting */
  seconds: number
  bytes: number
}

const maxBytes = 16 * 1024 * 1024
const maxBytesPerPartition = 4 * 1024 * 1024

async function consume(config: KafkaConsumerConfig): Promise<KafkaConsumerResult> {
  const bytes = { sum: 0 }
  const seconds = await ways[config.way](config, bytes)
  return { seconds, bytes: bytes.sum }
}

const ways = { fetch: byFetch, stream: byStream, kafkajs: byKafkajs }
const since = (from: number) => (performance.now() - from) / 1000

async function byFetch({ brokers, topic, rows }: KafkaConsumerConfig, bytes: { sum: number }): Promise<number> {
  const client = { clientId: 'bench', bootstrapBrokers: [brokers] }
  const admin = new Admin(client)
  const { id, partitions } = (await admin.metadata({ topics: [topic] })).topics.get(topic)!
  await admin.close()
  const consumer = new Consumer({ ...client, groupId: 'bench' })
  const offsets = partitions.map(() => 0n)
  let left = rows
  const from = performance.now()
  // the next answer comes while this one is looked at, as far as JavaScript allows
  const ask = () =>
    consumer.fetch({
      node: partitions[0]!.leader,
      maxBytes,
      minBytes: 1,
      maxWaitTime: 500,
      isolationLevel: 1,
      topics: [
        {
          topicId: id,
          partitions: offsets.map((fetchOffset, partition) => ({
            partition,
            fetchOffset,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
            partitionMaxBytes: maxBytesPerPartition,
          })),
        },
      ],
    })
  for (let answer = ask(); left > 0; ) {
    const { responses } = await answer
    const batches = responses.flatMap(({ partitions }) => partitions)
    const starts = [...offsets]
    for (const { partitionIndex, records } of batches) {
      const last = records?.at(-1)
      if (last !== undefined) offsets[partitionIndex] = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n
    }
    answer = ask()
    for (const { partitionIndex, records } of batches)
      for (const batch of records ?? [])
        for (const { value, offsetDelta } of batch.records) {
          if (batch.firstOffset + BigInt(offsetDelta) < starts[partitionIndex]!) continue
          bytes.sum += value!.length
          left--
        }
  }
  const seconds = since(from)
  await consumer.close(true)
  return seconds
}

async function byStream({ brokers, topic, rows }: KafkaConsumerConfig, bytes: { sum: number }): Promise<number> {
  const consumer = new Consumer({
    clientId: 'bench',
    bootstrapBrokers: [brokers],
    groupId: `bench-${Date.now()}`,
    maxBytes,
    maxBytesPerPartition,
    highWaterMark: 65_536,
  })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
  let left = rows
  let from = 0
  for await (const { value } of stream) {
    if (left === rows) from = performance.now()
    bytes.sum += value!.length
    if (--left === 0) break
  }
  const seconds = since(from)
  await consumer.close(true)
  return seconds
}

async function byKafkajs({ brokers, topic, rows }: KafkaConsumerConfig, bytes: { sum: number }): Promise<number> {
  const client = new kafkajs.Kafka({ clientId: 'bench', brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `bench-${Date.now()}`, maxBytes, maxBytesPerPartition })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = rows
  let from = 0
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      if (left === rows) from = performance.now()
      for (const { value } of batch.messages) bytes.sum += value!.length
      left -= batch.messages.length
      if (left <= 0) resolve()
    },
  })
  await promise
  const seconds = since(from)
  await consumer.disconnect()
  return seconds
}

if (import.meta.main) await answer(() => consume(workerConfig()))
