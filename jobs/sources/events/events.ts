import * as z from 'zod'
import { defineSource } from '../../runtime/define.ts'
import { columnList, sourceKeys } from '../../runtime/keys.ts'
import { isPostgres } from './stores.ts'
import { tableNames } from './tables.ts'

export const config = z.strictObject({
  store: z
    .string()
    .default('sqlite:./millrace.db')
    .describe('store of the gateway: sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE?schema=NAME'),
  table: z.enum(tableNames).default('events').describe('what to read'),
  mode: z
    .strictObject({
      type: z
        .enum(['bounded', 'continuous'])
        .default('continuous')
        .describe('bounded ends at the newest row that is there at the start, continuous goes on with what comes'),
    })
    .prefault({})
    .describe('whether the rows come to an end'),
  start_at: z
    .union([z.enum(['earliest', 'latest']), z.int().min(0)])
    .default('earliest')
    .describe('where a pipeline without state begins: earliest, latest (only new rows), or behind the row of this id'),
  columns: columnList.default([]).describe('columns to read, separated by commas; default: all'),
  filter: z
    .string()
    .min(1)
    .optional()
    .describe('SQL predicate over the columns of the table, also those that are not read; default: all rows'),
  ...sourceKeys,
})

export type EventsConfig = z.infer<typeof config>

export const events = defineSource({
  type: 'events',
  config,
  remote: ({ store }) => isPostgres(store),
  open: async (config, context) => (await import('./source.ts')).openEvents(config, context),
})
