import * as z from 'zod'
import { compressions } from '../../drivers/kafka/write.ts'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'
import { duration, size } from '../../settings.ts'

const config = z.strictObject({
  ...sinkKeys,
  topic: z.string().min(1).describe('where the rows go; it is made where there is none'),
  data_format: z
    .enum(['avro', 'json', 'raw'])
    .describe('avro: registered as TOPIC-value; json: an object per message; raw: the columns key, value and headers'),
  topic_partitions: z.int().min(1).optional().describe('of a topic that is made; default: as the brokers have it'),
  topic_replication: z
    .int()
    .min(1)
    .optional()
    .describe('copies, of a topic that is made; default: as the brokers have it'),
  topic_configs: z
    .record(z.string(), z.coerce.string())
    .default({})
    .describe('settings of a topic that is made, beside retention.ms=-1 and cleanup.policy=compact'),
  compression: z
    .enum(compressions)
    .default('lz4')
    .describe(`of the messages: ${compressions.join(', ')}`),
  message_max_bytes: size.prefault('1000000').describe('of messages that are sent as one, before compression; a size'),
  deduplicate: z.boolean().default(true).describe('of rows of a batch with the same key only the last is sent'),
  tombstones: z
    .boolean()
    .default(false)
    .describe('a delete is a message without a value, which removes the key from a compacted topic'),
  transaction_timeout: duration
    .optional()
    .describe('brokers roll back what a checkpoint did not end by then; default: as checkpoint_interval_sec needs it'),
  checkpoint_topic: z
    .string()
    .min(1)
    .default('_millrace_checkpoints')
    .describe('compacted topic of what was published; it is made where there is none'),
})

export type KafkaSinkConfig = z.infer<typeof config>

export const kafka = defineSink({
  type: 'kafka',
  config,
  guarantee: 'exactly_once',
  check: async (config, input, context) => (await import('./check.ts')).checkConfig(config, input, context),
  connect: async (config, input, context) => (await import('./connect.ts')).connect(config, input, context),
  open: async (config, input, context) => (await import('./sink.ts')).openKafka(config, input, context),
})
