import * as z from 'zod'
import { defineSource } from '../../runtime/define.ts'
import { columnList, sourceKeys } from '../../runtime/keys.ts'

export const config = z.strictObject({
  table: z.string().min(1).describe('table to read, from its first row to the last that is there when it is opened'),
  schema: z.string().min(1).default('public').describe('its schema'),
  columns: columnList.default([]).describe('columns to read, separated by commas; default: all'),
  filter: z.string().min(1).optional().describe('SQL predicate, which the server evaluates; default: all rows'),
  key: columnList
    .default([])
    .describe(
      'columns that order the rows: those of a unique index without nulls; default: the primary key of the table',
    ),
  start_at: z
    .union([z.string(), z.number()])
    .optional()
    .describe('value of the first key column that a pipeline without state begins with; default: the first row'),
  page_size: z.int().min(1).optional().describe('rows of a page at most; default: page_size of the settings (65,536)'),
  ...sourceKeys,
})

export type PostgresSourceConfig = z.infer<typeof config>

export const postgres = defineSource({
  type: 'postgres',
  config,
  remote: () => true,
  open: async (config, context) => (await import('./source.ts')).openPostgresSource(config, context),
  offsets: async (_config, table, context) => (await import('./offsets.ts')).readOffsets(table, context),
})
