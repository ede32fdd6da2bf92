import type { RecordBatch } from 'apache-arrow'
import { connectCluster } from '../../drivers/kafka/cluster.ts'
import { keepRows } from '../../drivers/sql/rows.ts'
import { emptyBatch } from '../../runtime/batch/build.ts'
import { withOp } from '../../runtime/batch/types.ts'
import type { NodeContext, Position, Source } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { metadataFields, openFormat, schemaOf } from './format/format.ts'
import type { KafkaConfig } from './kafka.ts'
import { createLag, type Lag } from './lag.ts'
import { type Place, placesOf, positionOf } from './position.ts'
import { createReader } from './reader.ts'
import { createRows } from './rows.ts'
import { createSharing, type Sharing } from './sharing.ts'
import { checkSame, openTopic } from './topic.ts'

/** Rows of a batch at most. */
const mostRows = 65_536

export async function openKafka(config: KafkaConfig, context: NodeContext): Promise<Source> {
  const { settings, name, jobMode } = context
  const { topic: topicName } = config
  const cluster = connectCluster(settings.kafka_source, 'kafka_source', context)
  const lag: Lag = createLag(context)
  let sharing: Sharing | undefined
  let filter: Awaited<ReturnType<typeof openFilter>>

  async function keep(batch: RecordBatch): Promise<RecordBatch> {
    if (filter === undefined) return batch
    return (await keepRows(batch, filter.keep, context)) ?? emptyBatch(batch.schema)
  }

  async function openFilter(schema: Source['schema']) {
    if (config.filter === undefined) return undefined
    try {
      const { compileFilter } = await import('../../drivers/sql/compile.ts')
      return await compileFilter(schema, config.filter)
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      throw new PipelineError(error.code, `filter: ${error.message}`, { path: ['filter'], cause: error })
    }
  }

  async function close(): Promise<void> {
    filter?.close()
    lag.close()
    await sharing?.close()
    await cluster.close()
  }

  try {
    const topic = await openTopic(cluster, topicName, context)
    const format = await openFormat(config, context)
    const fields = [...format.fields, ...metadataFields(format.fields, config.include_metadata)]
    const schema = withOp(schemaOf(fields))
    filter = await openFilter(schema)
    const bounded = config.mode.type === 'bounded' || jobMode
    const ends = bounded ? await topic.latest() : undefined
    const group = settings.kafka_source.consumer_group_id
    if (group !== undefined && !bounded) sharing = createSharing({ cluster, topic, group: `${group}-${name}`, context })
    const primaryKey = config.primary_key.length > 0 ? config.primary_key : (format.primaryKey ?? [])
    const most = Math.min(mostRows, config.batch_size ?? settings.record_batch_size ?? mostRows)
    const interval = config.batch_flush_interval ?? settings.record_batch_interval_ms

    const fromOffsets = (offsets: ReadonlyMap<number, number>): Position => {
      const places = [...offsets].map(([partition, offset]): [number, Place] => [partition, { offset, begin: offset }])
      return positionOf(topicName, { id: topic.info.id, partitions: new Map(places) })
    }

    return {
      schema,
      ...(format.primaryKey && { primaryKey: format.primaryKey }),
      bounded,
      start: async () => fromOffsets(await topic.start(config)),
      async startAfter(offsets) {
        const first = await topic.start({ ...config, start_at: config.start_at ?? config.starting_offsets })
        for (const [partition, offset] of offsets) first.set(partition, Number(offset) + 1)
        return fromOffsets(first)
      },
      read(from, to) {
        const places = placesOf(topicName, from)
        checkSame(topicName, places.id, topic.info.id)
        const end = to === undefined ? undefined : placesOf(topicName, to)
        const rows = createRows({
          topic: topicName,
          format,
          schema,
          hasMetadata: config.include_metadata,
          primaryKey,
          most,
          context,
        })
        return createReader({
          context,
          cluster,
          topic,
          rows,
          keep,
          empty: () => emptyBatch(schema),
          from: places.partitions,
          to: end?.partitions,
          ends,
          sharing: end === undefined ? sharing : undefined,
          lag,
          interval,
        })
      },
      async finalized(position) {
        const { partitions } = placesOf(topicName, position)
        lag.finalized(partitions)
        await sharing?.finalized(partitions)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
