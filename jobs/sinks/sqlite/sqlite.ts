import * as z from 'zod'
import { upsertKeys } from '../../drivers/upsert/keys.ts'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'

const config = z.strictObject({
  ...sinkKeys,
  path: z.string().min(1).describe('database file; it and its folder are made where they are not there'),
  ...upsertKeys,
})

export type SqliteConfig = z.infer<typeof config>

export const sqlite = defineSink({
  type: 'sqlite',
  config,
  guarantee: 'exactly_once',
  check: async (config, input, context) => (await import('./check.ts')).check(config, input, context),
  open: async (config, input, context) => (await import('./sink.ts')).openSqlite(config, input, context),
})
