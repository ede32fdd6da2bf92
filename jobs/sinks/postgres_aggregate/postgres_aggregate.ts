import * as z from 'zod'
import { aggregateKeys } from '../../drivers/aggregate/keys.ts'
import { defineSink } from '../../runtime/define.ts'

const config = z.strictObject({
  ...aggregateKeys,
  schema: z.string().min(1).default('public').describe('schema of the tables; made where it is not there'),
})

export type AggregateConfig = z.infer<typeof config>

export const postgresAggregate = defineSink({
  type: 'postgres_aggregate',
  config,
  guarantee: 'exactly_once',
  check: async (config, input, context) => (await import('./check.ts')).check(config, input, context),
  connect: async (config, input, context) => (await import('./check.ts')).connect(config, input, context),
  open: async (config, input, context) => (await import('./sink.ts')).openPostgresAggregate(config, input, context),
})
