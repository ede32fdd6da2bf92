import type { RecordBatch } from 'apache-arrow'
import { formatSize } from '../../../core/units.ts'
import {
  checkpointKey,
  encodeCheckpoint,
  isRepeat,
  readCheckpoint,
  type Stored,
} from '../../drivers/kafka/checkpoints.ts'
import { connectCluster, type TopicInfo } from '../../drivers/kafka/cluster.ts'
import { partitionOf } from '../../drivers/kafka/murmur2.ts'
import type { ProduceBatch } from '../../drivers/kafka/produce.ts'
import { connectRegistry } from '../../drivers/kafka/registry.ts'
import { ensureTopic, topicConfigs } from '../../drivers/kafka/topics.ts'
import { createProducer } from '../../drivers/kafka/transaction.ts'
import { type BatchWriter, createBatchWriter } from '../../drivers/kafka/write.ts'
import { rowsOf } from '../../runtime/batch/rows.ts'
import { latestPerKey, opsOf, take } from '../../runtime/batch/select.ts'
import type { NodeContext, Sink, Stream } from '../../runtime/contract.ts'
import { PipelineError, context as within } from '../../runtime/errors.ts'
import { checkConfig, keyOf, shapesOf, timeoutOf, withCluster } from './check.ts'
import type { KafkaSinkConfig } from './kafka.ts'
import { rowsWithoutKey } from './keys.ts'
import { openEncode } from './messages.ts'

/** Kafka's name for each operation. */
const ops = { i: 0x63, u: 0x75, d: 0x64 } as const
/** Of messages that wait to be sent; about. */
const mostWaiting = 8 * 1024 * 1024
/** What a sink takes at most to roll back what it leaves. */
const farewellMs = 3000

export async function openKafka(config: KafkaSinkConfig, input: Stream, context: NodeContext): Promise<Sink> {
  checkConfig(config, input, context)
  const cluster = connectCluster(context.settings.kafka_sink, 'kafka_sink', context)
  return withCluster(cluster, async () => {
    const key = keyOf(config, input)
    const [topic, checkpoints] = await makeTopics()
    const mostBytes = await context.retry(`look up topic ${config.topic}`, async () =>
      Number((await topicConfigs(cluster, config.topic, ['max.message.bytes'])).get('max.message.bytes') ?? 1_048_588),
    )
    const encode = await openEncode(config, input, () =>
      connectRegistry(context.settings.kafka_sink, 'kafka_sink', context),
    )
    const topics = new Map([topic, checkpoints].map(info => [info.name, info]))
    const producer = createProducer({
      cluster,
      context,
      transactionalId: `millrace/${context.pipeline}/${context.name}`,
      timeout: timeoutOf(config, context),
      leaderOf,
    })
    const writers = topic.leaders.map(() => createBatchWriter())
    const storeKey = checkpointKey(context.pipeline, context.name)
    /** messages of one partition, at most */
    const target = Math.min(config.message_max_bytes, mostBytes) - 512
    let last: Stored | undefined
    let turn = 0
    let sending: Promise<void> = Promise.resolve()

    async function makeTopics(): Promise<[TopicInfo, TopicInfo]> {
      const { own, store } = shapesOf(config)
      return [
        await context.retry(`make topic ${config.topic}`, () => ensureTopic(cluster, config.topic, own)),
        await context.retry(`make topic ${config.checkpoint_topic}`, () =>
          ensureTopic(cluster, config.checkpoint_topic, store),
        ),
      ]
    }

    async function leaderOf(name: string, partition: number, isStale: boolean): Promise<number> {
      if (isStale) {
        const found = await cluster.topic(name)
        if (found === undefined)
          throw new PipelineError('unavailable', `kafka ${cluster.where}: topic ${name} is not there any more`)
        topics.set(name, found)
      }
      const leader = topics.get(name)!.leaders[partition]
      if (leader !== undefined && leader >= 0) return leader
      throw new PipelineError(
        'unavailable',
        `kafka ${cluster.where}: partition ${partition} of ${name} has no leader now`,
      )
    }

    /** Sends what the writers have, while the next messages are made. */
    async function flush(): Promise<void> {
      const batches: ProduceBatch[] = []
      for (const [partition, writer] of writers.entries())
        if (writer.rows > 0) batches.push({ topic: config.topic, partition, batch: writer.finish(config.compression) })
      await sending
      if (batches.length === 0) return
      sending = producer.send(batches)
      // it is awaited with the next, or by the commit
      sending.catch(() => {})
    }

    async function add(batch: RecordBatch): Promise<void> {
      const messages = encode(batch)
      const became = opsOf(batch)
      let waiting = writers.reduce((sum, writer) => sum + writer.bytes, 0)
      for (let row = 0; row < batch.numRows; row++) {
        const op = became[row]!
        const messageKey = messages.key(row)
        const value = op === 'd' && config.tombstones ? null : messages.value(row)
        let headers: ReturnType<typeof messages.headers>
        try {
          headers = messages.headers(row, value === null)
        } catch (error) {
          dead(batch, row, 'bad_row', `its headers cannot be sent: ${(error as Error).message}`)
          continue
        }
        const size = (messageKey?.length ?? 0) + (value?.length ?? 0) + (headers?.bytes.length ?? 0) + 40
        const partition =
          messageKey === null ? turn++ % writers.length : partitionOf(messageKey, 0, messageKey.length, writers.length)
        const writer = writers[partition]!
        if (size > target) {
          await flush()
          writer.add(messageKey, value, ops[op], headers)
          if (!(await sendAlone(partition, writer)))
            dead(
              batch,
              row,
              'too_large',
              `it has ${formatSize(size)}, and topic ${config.topic} takes ${formatSize(mostBytes)} (max.message.bytes)`,
            )
          waiting = 0
          continue
        }
        if (writer.bytes + size > target || waiting > mostWaiting) {
          await flush()
          waiting = 0
        }
        writer.add(messageKey, value, ops[op], headers)
        waiting += size
      }
    }

    /** One message that is larger than the others together; false where the topic does not take it. */
    async function sendAlone(partition: number, writer: BatchWriter): Promise<boolean> {
      const batch = writer.finish(config.compression)
      if (batch.length > mostBytes) return false
      await sending
      await producer.send([{ topic: config.topic, partition, batch }])
      return true
    }

    /** A row without a key is no row of the topic: before rows of one key are looked for. */
    function withKeys(batch: RecordBatch): RecordBatch {
      const without = rowsWithoutKey(batch, key)
      if (without.size === 0) return batch
      for (const [row, name] of without)
        dead(batch, row, 'bad_row', `column ${JSON.stringify(name)} of the primary key is null`)
      return take(
        batch,
        Array.from({ length: batch.numRows }, (_, row) => row).filter(row => !without.has(row)),
      )
    }

    function dead(batch: RecordBatch, row: number, code: string, message: string): void {
      context.dead({ code, message: `a row cannot be sent: ${message}`, row: rowsOf(take(batch, [row]))[0]! })
    }

    function drop(): void {
      for (const writer of writers) if (writer.rows > 0) writer.finish('none')
    }

    /** A message under the key of this sink, in the transaction of the rows. */
    async function store(value: Buffer | null): Promise<void> {
      const writer = createBatchWriter()
      writer.add(storeKey, value, 0)
      await producer.send([{ topic: config.checkpoint_topic, partition: 0, batch: writer.finish('none') }])
    }

    return {
      async begin() {
        drop()
        await sending.catch(() => {})
        sending = Promise.resolve()
        await producer.begin()
        last = await context.retry(`read ${config.checkpoint_topic}`, async () => {
          const info = await cluster.topic(config.checkpoint_topic)
          return info && readCheckpoint(cluster, info, storeKey)
        })
        if (last === undefined) return undefined
        if (last.topic !== config.topic)
          throw new PipelineError(
            'state',
            `sink '${context.name}' was published to topic ${last.topic}, and its configuration now says ${config.topic}: name the old one, give the sink another name to begin there with the rows from now on, or start again with --reset`,
          )
        const { epoch, from, to } = last
        return { epoch, from, to }
      },
      async write(batch, _epoch) {
        const rows = withKeys(batch)
        if (rows.numRows > 0) await add(config.deduplicate ? latestPerKey(rows, key) : rows)
      },
      async commit(checkpoint) {
        try {
          if (isRepeat(checkpoint, last, context.name)) {
            drop()
            await sending
            await producer.abort()
            return
          }
          await flush()
          await sending
          await store(encodeCheckpoint(checkpoint, config.topic))
          await producer.commit()
          last = { ...checkpoint, topic: config.topic }
        } catch (error) {
          throw within(`publish epoch ${checkpoint.epoch} in topic ${config.topic}`, error)
        }
      },
      async reset() {
        await producer.begin()
        await store(null)
        await producer.commit()
      },
      async close() {
        await cluster.close()
        const signal = AbortSignal.timeout(farewellMs)
        await producer
          .abandon(() => connectCluster(context.settings.kafka_sink, 'kafka_sink', { signal }))
          .catch(error => context.log.debug(`a transaction is left to the broker: ${(error as Error).message}`))
      },
    }
  })
}
