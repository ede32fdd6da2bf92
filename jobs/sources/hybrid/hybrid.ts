import * as z from 'zod'
import type { SourceDefinition } from '../../runtime/contract.ts'
import { defineSource } from '../../runtime/define.ts'
import { sourceKeys } from '../../runtime/keys.ts'

/** Kinds of sources that a phase can have, as the registry has them. */
export type Kinds = Readonly<Record<string, () => Promise<SourceDefinition>>>

const phase = z
  .looseObject({ source_type: z.string().min(1).describe('type of the source, such as file or events') })
  .describe('the other keys are those of that type')

const offsetTable = z.strictObject({
  table_name: z.string().min(1).default('kafka_offsets').describe('with a row per batch, or per row, of the topic'),
  topic_name: z
    .string()
    .min(1)
    .optional()
    .describe('what stands there for the topic, also with _ for each dot; default: its name'),
  topic_column: z.string().min(1).nullable().default('topic').describe('null: all rows are of the topic'),
  partition_column: z.string().min(1).default('partition').describe('a number'),
  offset_column: z.string().min(1).default('offset').describe('a number; the highest of a partition counts'),
})

export const config = z.strictObject({
  bounded_sources: z.array(phase).min(1).describe('what is read first, one after another, each to its end'),
  unbounded_source: phase.describe('what is read then; its columns are those of the whole'),
  hand_over: z
    .enum(['start'])
    .default('start')
    .describe(
      'where the unbounded source begins: at its own start (see its start_at), as it is before anything is read',
    ),
  offset_table: offsetTable
    .optional()
    .describe(
      'the unbounded source, a topic, begins behind what a table of the last database among bounded_sources says',
    ),
  ...sourceKeys,
})

export type HybridConfig = z.infer<typeof config>
export type Phase = z.infer<typeof phase>

/** The registry gives the kinds, since a room knows no other. */
export function createHybrid(kinds: Kinds): SourceDefinition<HybridConfig> {
  return defineSource({
    type: 'hybrid',
    config,
    async remote({ bounded_sources, unbounded_source }) {
      const asked = [...bounded_sources, unbounded_source].map(async ({ source_type, ...keys }) => {
        const definition = Object.hasOwn(kinds, source_type) ? await kinds[source_type]!() : undefined
        // what is wrong with the keys is told when it is opened
        const parsed = definition?.config.safeParse(keys)
        return parsed?.success === true && (await definition?.remote?.(parsed.data)) === true
      })
      return (await Promise.all(asked)).includes(true)
    },
    open: async (config, context) => (await import('./source.ts')).openHybrid(config, context, kinds),
  })
}
