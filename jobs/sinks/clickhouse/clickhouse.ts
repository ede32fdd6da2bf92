import * as z from 'zod'
import { encodings } from '../../drivers/clickhouse/keys.ts'
import { defineSink } from '../../runtime/define.ts'
import { schemaDrift, sinkKeys } from '../../runtime/keys.ts'

const config = z.strictObject({
  ...sinkKeys,
  table: z.string().min(1).describe('TABLE or DATABASE.TABLE; made where it is not there'),
  append_only_mode: z
    .boolean()
    .default(true)
    .describe(
      'true: every row is inserted, with is_deleted and insert_time, and the table replaces by key; false: rows are as they come, and deletes are ALTER TABLE … DELETE',
    ),
  version_column_name: z
    .string()
    .min(1)
    .optional()
    .describe('column whose highest value of a key counts; default: insert_time, or the row that came last'),
  schema_override: z
    .record(z.string(), z.string().min(1).nullable())
    .default({})
    .describe('types of ClickHouse for columns that the sink makes; null leaves a column out'),
  schema_drift: schemaDrift,
  compression: z.enum(encodings).optional().describe('of what is sent; default: clickhouse_sink.compression'),
  compression_level: z.int().min(0).max(22).optional().describe('default: clickhouse_sink.compression_level'),
  guarantee: z
    .enum(['exactly_once', 'at_least_once'])
    .default('exactly_once')
    .describe('exactly_once needs a table with a deduplication window'),
  insert_rows: z
    .int()
    .min(1)
    .default(1_000_000)
    .describe('rows of an insert at most: an epoch of more rows is several inserts'),
  deduplicate: z
    .boolean()
    .default(true)
    .describe("accepted for the model's files: the table replaces rows by key anyway"),
})

export type ClickHouseSinkConfig = z.infer<typeof config>

export const clickhouse = defineSink({
  type: 'clickhouse',
  config,
  guarantee: 'exactly_once',
  check: async (config, input) => (await import('./layout.ts')).checkConfig(config, input),
  connect: async (config, input, context) => (await import('./connect.ts')).connect(config, input, context),
  open: async (config, input, context) => (await import('./sink.ts')).openClickHouseSink(config, input, context),
})
