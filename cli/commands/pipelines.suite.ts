import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A plugin with a source, a transform and a sink, so that commands have nodes that need no data. Gives its file. */
export function writePlugin(folder: string): string {
  const file = join(folder, 'plugin.ts')
  const millrace = import.meta.resolve('../../jobs/runtime/plugin/plugin.ts')
  writeFileSync(
    file,
    `import { arrow, definePlugin, PipelineError, rowsOf, take, withOp, z } from ${JSON.stringify(millrace)}

const schema = withOp(new arrow.Schema([new arrow.Field('id', new arrow.Int64()), new arrow.Field('n', new arrow.Int64())]))
export default definePlugin({
  sources: {
    'desk.rows': {
      config: z.strictObject({ bounded: z.boolean().default(true).describe('its rows come to an end') }),
      open: async ({ bounded }) => ({
        schema,
        primaryKey: ['id'],
        bounded,
        start: async () => ({}),
        read: () => ({ next: async () => undefined, close: async () => {} }),
        close: async () => {},
      }),
    },
  },
  transforms: {
    'desk.big': {
      config: z.strictObject({ least: z.int().default(10) }),
      open: async ({ least }, inputs) => ({
        schema: [...inputs.values()][0].schema,
        process: async batches =>
          batches.map(batch => take(batch, [...rowsOf(batch).entries()].filter(([, row]) => row.n >= least).map(([at]) => at))),
        close: async () => {},
      }),
    },
  },
  sinks: {
    'desk.out': {
      guarantee: 'at_least_once',
      config: z.strictObject({ wrong: z.enum(['file', 'code']).optional() }),
      check: async ({ wrong }) => {
        if (wrong === 'code') throw new TypeError('undefined is not a function')
        if (wrong === 'file') throw new PipelineError('bad_pipeline', 'this sink is wrong')
      },
      open: async () => {
        throw new Error('never opened')
      },
    },
  },
})
`,
  )
  return file
}

export const orders = `
sources: { raw: { type: desk.rows } }
transforms: { big: { type: desk.big, from: raw, least: 10 } }
sinks: { out: { type: desk.out, from: big } }
`
