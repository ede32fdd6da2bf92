import * as z from 'zod'
import { defineSource } from '../../runtime/define.ts'
import { sourceKeys } from '../../runtime/keys.ts'
import { duration } from '../../settings.ts'

const startAt = z.union([
  z.enum(['earliest', 'latest']),
  z.iso.datetime({ offset: true }),
  z.record(z.string().regex(/^\d+$/), z.int().min(0)),
])

export const config = z
  .strictObject({
    topic: z.string().min(1).describe('what to read'),
    data_format: z
      .enum(['avro', 'json', 'raw'])
      .default('avro')
      .describe('avro: by the schema registry; json: an object per message; raw: key, value and headers as they are'),
    starting_offsets: startAt
      .default('earliest')
      .describe('for a pipeline without state: earliest, latest, a time (ISO 8601), or an offset per partition'),
    start_at: startAt.optional().describe('the same, and goes before it'),
    mode: z
      .strictObject({
        type: z
          .enum(['bounded', 'continuous'])
          .default('continuous')
          .describe('bounded ends at the newest message that is there at the start, as job mode does'),
      })
      .prefault({})
      .describe('whether the rows come to an end'),
    schema: z
      .record(z.string(), z.string())
      .optional()
      .describe('json: types of the columns, such as {id: int64}; other members are left out'),
    include_metadata: z
      .boolean()
      .default(false)
      .describe('adds the columns partition, offset and timestamp of the message'),
    filter: z.string().min(1).optional().describe('SQL predicate: other rows are left out'),
    validate_writer_schema_ordering: z
      .boolean()
      .default(true)
      .describe('a message with columns that are new in the registry starts the pipeline again with them; false: not'),
    schema_id_overrides: z
      .array(z.strictObject({ from: z.int().min(0), to: z.int().min(0) }))
      .default([])
      .describe('messages that name the schema `from` are read by the schema `to`'),
    skip_schema_resolution: z
      .boolean()
      .default(false)
      .describe("accepted for the model's: columns are matched by name in any case"),
    skip_schema_resolution_for_reader_schema_ids: z
      .array(z.int().min(0))
      .default([])
      .describe('as skip_schema_resolution'),
    parallelism: z.int().min(1).default(1).describe('as in the model; all partitions are read at once'),
    batch_size: z.int().min(1).optional().describe('rows of a batch at most; default: as record_batch_size'),
    batch_flush_interval: duration.optional().describe('as record_batch_interval_ms; a duration'),
    ...sourceKeys,
  })
  .superRefine(({ data_format, schema }, issues) => {
    const wrong = (message: string) => issues.addIssue({ code: 'custom', path: ['schema'], message })
    if (data_format === 'json' && schema === undefined) wrong('json needs `schema`: names and types of the columns')
    if (data_format !== 'json' && schema !== undefined) wrong(`is for data_format json: ${data_format} has its own`)
  })

export type KafkaConfig = z.infer<typeof config>

export const kafka = defineSource({
  type: 'kafka',
  config,
  remote: () => true,
  open: async (config, context) => (await import('./source.ts')).openKafka(config, context),
})
