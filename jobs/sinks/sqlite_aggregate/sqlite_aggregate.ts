import * as z from 'zod'
import { aggregateKeys } from '../../drivers/aggregate/keys.ts'
import { defineSink } from '../../runtime/define.ts'

const config = z.strictObject({
  ...aggregateKeys,
  path: z.string().min(1).describe('database file; it and its folder are made where they are not there'),
})

export type AggregateConfig = z.infer<typeof config>

export const sqliteAggregate = defineSink({
  type: 'sqlite_aggregate',
  config,
  guarantee: 'exactly_once',
  check: async (config, input, context) => (await import('./check.ts')).check(config, input, context),
  open: async (config, input, context) => (await import('./sink.ts')).openSqliteAggregate(config, input, context),
})
