import * as z from 'zod'
import { httpKeys } from '../../drivers/http/keys.ts'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'

const config = z.strictObject({
  ...sinkKeys,
  ...httpKeys,
  skip_on_error: z
    .boolean()
    .default(false)
    .describe('rows of a request that is answered with anything but 2xx are left out, with a warning'),
  signing_secret_name: z
    .string()
    .min(1)
    .optional()
    .describe('requests are signed with http_secret_value of this name (Standard Webhooks)'),
})

export type WebhookConfig = z.infer<typeof config>

/** Posts rows to a service, whose answer is not looked at but for its status. */
export const webhook = defineSink({
  type: 'webhook',
  config,
  guarantee: 'at_least_once',
  check: async (config, _, context) => (await import('./open.ts')).checkWebhook(config, context),
  open: async (config, _, context) => (await import('./open.ts')).openWebhook(config, context),
})
