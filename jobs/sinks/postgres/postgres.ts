import * as z from 'zod'
import { upsertKeys } from '../../drivers/upsert/keys.ts'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'

const config = z.strictObject({
  ...sinkKeys,
  schema: z.string().min(1).default('public').describe('schema of the table; made where it is not there'),
  ...upsertKeys,
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
