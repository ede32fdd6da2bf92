import * as z from 'zod'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'

const config = z.strictObject({
  ...sinkKeys,
  schema: z.string().min(1).default('public').describe('schema of the table; made where it is not there'),
  table: z.string().min(1).describe('table of the rows; made where it is not there'),
  on_conflict: z
    .enum(['update', 'nothing'])
    .default('update')
    .describe('a row whose key is there already: replaces the columns, or changes nothing'),
  update_where: z
    .record(z.string(), z.enum(['>', '>=', '<', '<=', '!=', '<>']))
    .default({})
    .describe('a row replaces another one only where each column compares so, the new value on the left'),
  schema_drift: z.enum(['add', 'fail']).default('add').describe('a new column: added to the table, or an error'),
  deduplicate: z
    .boolean()
    .default(true)
    .describe("accepted for the model's files: rows are applied one after another, so that the last one counts anyway"),
})

export type PostgresConfig = z.infer<typeof config>

export const postgres = defineSink({
  type: 'postgres',
  config,
  guarantee: 'exactly_once',
  check: async (config, input, context) => (await import('./check.ts')).check(config, input, context),
  connect: async (config, input, context) => (await import('./check.ts')).connect(config, input, context),
  open: async (config, input, context) => (await import('./sink.ts')).openPostgres(config, input, context),
})
