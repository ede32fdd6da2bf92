import type { RecordBatch, Schema } from 'apache-arrow'
import type * as z from 'zod'
import type { Stream, TransformContext } from '../contract.ts'
import type { PluginTransform } from './define.ts'
import { type Rows, toBatch } from './generated-rows.ts'

export interface ProcessingTransform {
  /** of what comes out; default: as it came in */
  schema?: Schema
  initialize?(): Promise<void>
  /** Called for one batch after the other; undefined: no rows are left. */
  process(batch: RecordBatch): Promise<Rows | undefined>
  /** All rows of the epoch went through `process`. */
  checkpoint?(epoch: number): Promise<void>
  /** The epoch is final; may be skipped or repeated. */
  finalized?(epoch: number): Promise<void>
  terminate?(): Promise<void>
}

export interface TransformParts<C> {
  config: z.ZodType<C>
  create(config: C, input: Stream, context: TransformContext): ProcessingTransform | Promise<ProcessingTransform>
}

/** A transform from a function that turns one batch into another. */
export function transformFrom<C>({ config, create }: TransformParts<C>): PluginTransform<C> {
  return {
    config,
    async open(options, inputs, context) {
      const [input] = inputs.values()
      const parts = await create(options, input!, context)
      await parts.initialize?.()
      const schema = parts.schema ?? input!.schema
      return {
        schema,
        async process(batches) {
          const results: RecordBatch[] = []
          for (const batch of batches) {
            const result = toBatch(schema, await parts.process(batch), context)
            if (result !== undefined) results.push(result)
          }
          return results
        },
        checkpoint: async epoch => parts.checkpoint?.(epoch),
        finalized: async epoch => parts.finalized?.(epoch),
        close: async () => parts.terminate?.(),
      }
    },
  }
}
