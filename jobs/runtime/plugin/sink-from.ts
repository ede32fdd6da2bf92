import type { RecordBatch } from 'apache-arrow'
import type * as z from 'zod'
import type { NodeContext, Stream } from '../contract.ts'
import type { PluginSink } from './define.ts'

export interface ProcessingSink {
  initialize?(): Promise<void>
  /** Takes rows of the epoch, one batch after the other. */
  process(batch: RecordBatch, epoch: number): Promise<void>
  /** All rows of the epoch were processed; they are safe once this resolves. */
  checkpoint?(epoch: number): Promise<void>
  /** The epoch is final; may be skipped or repeated. */
  finalized?(epoch: number): Promise<void>
  terminate?(): Promise<void>
}

export interface SinkParts<C> {
  config: z.ZodType<C>
  /** Rejects with what is wrong about the options or the columns; writes nothing. */
  check?(config: C, input: Stream, context: NodeContext): Promise<void>
  create(config: C, input: Stream, context: NodeContext): ProcessingSink | Promise<ProcessingSink>
}

/** A sink that keeps no checkpoint of its own: rows of an epoch that did not end come again, at least once. */
export function sinkFrom<C>({ config, check, create }: SinkParts<C>): PluginSink<C> {
  return {
    config,
    guarantee: 'at_least_once',
    async check(options, input, context) {
      await check?.(options, input, context)
    },
    async open(options, input, context) {
      const parts = await create(options, input, context)
      await parts.initialize?.()
      return {
        begin: async () => undefined,
        write: (batch, epoch) => parts.process(batch, epoch),
        commit: async ({ epoch }) => parts.checkpoint?.(epoch),
        finalized: async epoch => parts.finalized?.(epoch),
        reset: async () => {},
        close: async () => parts.terminate?.(),
      }
    },
  }
}
