import * as z from 'zod'
import { defineSource } from '../../runtime/define.ts'
import { columnList, sourceKeys } from '../../runtime/keys.ts'

const config = z.strictObject({
  table_name: z.string().min(1).describe('TABLE or DATABASE.TABLE, of the MergeTree family'),
  filter: z
    .string()
    .min(1)
    .optional()
    .describe('SQL predicate of ClickHouse over the columns of the table; default: all rows'),
  start_at: z
    .union([z.string(), z.number()])
    .transform(String)
    .optional()
    .describe('first value of the first sort key, for a pipeline without state; default: the lowest'),
  columns: columnList.default([]).describe('columns to read, separated by commas; default: all'),
  ...sourceKeys,
})

export type ClickHouseSourceConfig = z.infer<typeof config>

export const clickhouse = defineSource({
  type: 'clickhouse',
  config,
  remote: () => true,
  open: async (config, context) => (await import('./source.ts')).openClickHouseSource(config, context),
  offsets: async (_, table, context) => (await import('./offsets.ts')).readOffsets(table, context),
})
