import type { TestContext } from 'node:test'
import { dropTopic, random } from '../../drivers/kafka/harness.suite.ts'
import type { Row } from '../../runtime/batch/build.ts'
import { OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Sink } from '../../runtime/contract.ts'
import { retrying, type Watched, watched } from '../../runtime/harness/context.suite.ts'
import { batchOf as batchAsGiven, closedOnce, streamOf, type Types } from '../../runtime/harness/sink.suite.ts'
import { settingsSchema } from '../../settings.ts'
import { kafka } from './kafka.ts'

/** What the tests of this room stand on. */

export interface Place {
  brokers: string
  registry?: string
  /** of kafka_sink */
  connection?: Record<string, unknown>
  topic: string
  checkpoints: string
}

/** Topics of the test's own, which the sink makes. */
export function placeFor(t: TestContext, brokers: string, registry?: string): Place {
  const topic = random('out')
  const checkpoints = random('checkpoints')
  t.after(() => Promise.all([topic, checkpoints].map(name => dropTopic(brokers, name))))
  return { brokers, ...(registry && { registry }), topic, checkpoints }
}

export const types = { id: 'int64', who: 'utf8' }

export interface OpenedSink {
  sink: Sink
  context: Watched
}

export interface SinkOptions {
  keys?: Record<string, unknown>
  types?: Types
  settings?: Record<string, unknown>
  onRetry?(message: string): void
}

/** A pipeline for each place: tests of other files run beside it. */
export function contextFor(place: Place, { settings, onRetry }: SinkOptions = {}) {
  const { brokers, registry, connection, checkpoints } = place
  const kept = watched({ pipeline: `test/${checkpoints}` })
  const context: Watched & NodeContext = {
    ...kept,
    settings: settingsSchema.parse({
      ...settings,
      kafka_sink: { brokers, ...(registry && { schema_registry_url: registry }), ...connection },
    }),
    retry: retrying({
      tries: 200,
      pause: () => new Promise(resolve => setTimeout(resolve, 50)),
      ...(onRetry && { onRetry }),
    }),
  }
  return context
}

export const configFor = ({ topic, checkpoints }: Place, keys: Record<string, unknown> = {}) =>
  kafka.config.parse({
    from: 'rows',
    topic,
    checkpoint_topic: checkpoints,
    data_format: 'json',
    primary_key: 'id',
    topic_partitions: 1,
    // kafkajs knows no other
    compression: 'gzip',
    ...keys,
  })

export async function openSink(t: TestContext, place: Place, options: SinkOptions = {}): Promise<OpenedSink> {
  const context = contextFor(place, options)
  const config = configFor(place, options.keys)
  const sink = closedOnce(await kafka.open(config, streamOf({ ...(options.types ?? types), [OP]: 'utf8' }), context))
  t.after(() => sink.close())
  return { sink, context }
}

/** A row without `_gs_op` is an insert. */
export const batchOf = (rows: readonly Row[], of: Types = types) =>
  batchAsGiven(
    { ...of, [OP]: 'utf8' },
    rows.map(row => ({ [OP]: 'i', ...row })),
  )
