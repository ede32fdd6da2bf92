import * as z from 'zod'
import { httpKeys } from '../../drivers/http/keys.ts'
import { defineTransform } from '../../runtime/define.ts'
import { transformKeys } from '../../runtime/keys.ts'
import { size } from '../../settings.ts'

const config = z.strictObject({
  ...transformKeys,
  ...httpKeys,
  schema_override: z
    .record(z.string(), z.string().nullable())
    .default({})
    .describe('columns of the answer that differ from those sent: a type, or null for one that is left out'),
  max_response_size: size.prefault('64MiB').describe('a longer answer is not taken; a size'),
})

export type HandlerConfig = z.infer<typeof config>

/** Posts rows to a service, whose answer takes their place. */
export const handler = defineTransform({
  type: 'handler',
  config,
  inputs: ({ from }) => [from],
  open: async (config, inputs, context) =>
    (await import('./open.ts')).openHandler(config, inputs.get(config.from)!, context),
})
