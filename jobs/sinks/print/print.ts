import * as z from 'zod'
import { defineSink } from '../../runtime/define.ts'
import { sinkKeys } from '../../runtime/keys.ts'

export const config = z.strictObject({
  ...sinkKeys,
  sample_every: z
    .int()
    .min(1)
    .optional()
    .describe('prints one row of so many; default print_sink.sample_every of the settings, 1'),
  num_records_before_stop: z.int().min(1).optional().describe('the run ends after so many rows came'),
})

export type PrintConfig = z.infer<typeof config>

/** Prints rows to stdout. */
export const print = defineSink<PrintConfig>({
  type: 'print',
  config,
  guarantee: 'at_least_once',
  async check() {},
  async open(config, _, context) {
    const { openPrint } = await import('./open.ts')
    return openPrint(config, context)
  },
})
