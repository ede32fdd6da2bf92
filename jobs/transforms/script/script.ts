import * as z from 'zod'
import { defineTransform } from '../../runtime/define.ts'
import { transformKeys } from '../../runtime/keys.ts'

export const config = z.strictObject({
  ...transformKeys,
  language: z
    .enum(['js', 'javascript', 'ts', 'typescript'])
    .default('javascript')
    .describe('of the script: js, javascript, ts or typescript (types are left out, not checked)'),
  script: z
    .string()
    .min(1)
    .describe('has a function process(input), which gets a row and returns one, several or none'),
  schema: z
    .record(z.string().min(1), z.string())
    .optional()
    .describe('columns of what comes out and their types; _gs_op is added. Default: those that came in'),
  parallelism: transformKeys.parallelism.describe('sandboxes at once; each has globals of its own'),
  batch_size: transformKeys.batch_size.describe('rows of a call, at most 10000, which is the default'),
})

export type ScriptConfig = z.infer<typeof config>

/** JavaScript or TypeScript per row, in a sandbox. */
export const script = defineTransform<ScriptConfig>({
  type: 'script',
  config,
  inputs: ({ from }) => [from],
  async open(config, inputs, context) {
    const { openScript } = await import('./open.ts')
    return openScript(config, inputs.get(config.from)!, context)
  },
})
