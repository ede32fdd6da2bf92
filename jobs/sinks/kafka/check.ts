import { DataType as Is } from 'apache-arrow'
import { avroSchemaOf } from '../../drivers/avro/encode.ts'
import type { Cluster } from '../../drivers/kafka/cluster.ts'
import type { TopicShape } from '../../drivers/kafka/topics.ts'
import { nameOf, OP } from '../../runtime/batch/types.ts'
import type { NodeContext, Stream } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { KafkaSinkConfig } from './kafka.ts'

/** The sink's own key, or the one that the rows came with. */
export const keyOf = (config: KafkaSinkConfig, input: Stream): readonly string[] =>
  config.primary_key.length > 0 ? config.primary_key : input.primaryKey

/** What the rows are, apart from what became of them. */
export const fieldsOf = (input: Stream) => input.schema.fields.filter(({ name }) => name !== OP)

/** Of the topics that are made: that of the rows, and that of the checkpoints. */
export function shapesOf(config: KafkaSinkConfig): { own: TopicShape; store: TopicShape } {
  const replicas = config.topic_replication ?? -1
  const compacted: Record<string, string> = config.data_format === 'raw' ? {} : { 'cleanup.policy': 'compact' }
  const configs = { 'retention.ms': '-1', ...compacted, ...config.topic_configs }
  return {
    own: { partitions: config.topic_partitions ?? -1, replicas, configs },
    store: { partitions: 1, replicas, configs: { 'cleanup.policy': 'compact' } },
  }
}

/** The mistakes that no server is needed to see. */
export function checkConfig(config: KafkaSinkConfig, input: Stream, context: NodeContext): void {
  const fields = fieldsOf(input)
  const wrong = (message: string, ...path: string[]) => new PipelineError('bad_pipeline', message, { path })
  const names = fields.map(({ name }) => JSON.stringify(name)).join(', ')
  for (const key of ['topic', 'checkpoint_topic'] as const) {
    const why = wrongName(config[key])
    if (why !== undefined) throw wrong(why, key)
  }
  if (config.topic === config.checkpoint_topic)
    throw wrong('the checkpoints cannot be in the topic of the rows: name another one', 'checkpoint_topic')
  timeoutOf(config, context)
  if (config.data_format === 'raw') {
    const isBytes = (name: string) => {
      const type = fields.find(field => field.name === name)?.type
      return type === undefined ? undefined : Is.isBinary(type) || Is.isUtf8(type)
    }
    if (isBytes('value') === undefined)
      throw wrong(`raw wants a column value, and the rows have ${names}`, 'data_format')
    const other = fields.find(({ name }) => !['key', 'value', 'headers'].includes(name))
    if (other !== undefined)
      throw wrong(
        `raw has the columns key, value and headers, and not ${JSON.stringify(other.name)}: leave it out with SQL`,
        'data_format',
      )
    const notBytes = fields.find(({ name }) => isBytes(name) !== true)
    if (notBytes !== undefined)
      throw wrong(`raw wants ${notBytes.name} as utf8 or binary, and it is ${nameOf(notBytes.type)}`, 'data_format')
    return
  }
  const key = keyOf(config, input)
  if (key.length === 0)
    throw wrong(
      'a primary_key is needed, which becomes the key of the messages: set it here or at the node before',
      'primary_key',
    )
  const missing = key.find(name => !fields.some(field => field.name === name))
  if (missing !== undefined)
    throw wrong(
      `columns [${JSON.stringify(missing)}] not found in schema. Available columns: [${names}]`,
      'primary_key',
    )
  if (config.data_format === 'avro') avroSchemaOf(fields, { name: 'Row' })
}

/** As Kafka has it: `a..b` is one. */
function wrongName(topic: string): string | undefined {
  if (topic.length > 249)
    return `the name of a topic has at most 249 characters, and ${topic.slice(0, 20)}… has ${topic.length}`
  if (/^[a-zA-Z0-9._-]+$/.test(topic) && topic !== '.' && topic !== '..') return undefined
  return `${JSON.stringify(topic)} is no name of a topic: letters, digits, '.', '_' and '-' are, and '.' and '..' are none`
}

/** Brokers allow 15 minutes unless they are told otherwise. */
const longest = 900_000

/** Milliseconds that a transaction may take. */
export function timeoutOf(config: KafkaSinkConfig, { settings }: Pick<NodeContext, 'settings'>): number {
  const interval = settings.checkpoint_interval_sec * 1000
  if (config.transaction_timeout !== undefined) {
    if (config.transaction_timeout > interval) return config.transaction_timeout
    throw new PipelineError(
      'bad_pipeline',
      `transaction_timeout is ${config.transaction_timeout / 1000} s, and a transaction lasts for a whole checkpoint_interval_sec of ${interval / 1000} s: raise the one, or lower the other`,
      { path: ['transaction_timeout'] },
    )
  }
  const needed = 2 * interval + settings.checkpoint_timeout_sec * 1000
  if (needed <= longest || interval < longest / 2) return Math.min(needed, longest)
  throw new PipelineError(
    'bad_pipeline',
    `checkpoint_interval_sec is ${interval / 1000}, and brokers let a transaction last for 900 s: lower it, or set transaction_timeout and the brokers' transaction.max.timeout.ms`,
    { path: ['transaction_timeout'] },
  )
}

/** Closes the cluster where the work fails. */
export async function withCluster<T>(cluster: Cluster, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await cluster.close()
    throw error
  }
}
