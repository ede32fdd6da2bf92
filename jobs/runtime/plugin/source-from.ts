import { isDeepStrictEqual } from 'node:util'
import type { RecordBatch, Schema } from 'apache-arrow'
import type * as z from 'zod'
import type { Json, NodeContext, Position, Source, SourceReader, SourceRows } from '../contract.ts'
import { PipelineError } from '../errors.ts'
import type { PluginSource } from './define.ts'
import { type Rows, toBatch } from './generated-rows.ts'

/** What `generate` is told. */
export interface GenerateCall {
  /** the position of the last rows that count; undefined before the first, or where the source has no positions */
  after: Json | undefined
  /** an epoch is run again: rows up to this position, exactly the same ones as before, and none behind it */
  upTo: Json | undefined
  /** ends the call when nobody waits for it any more */
  signal: AbortSignal
}

export interface Generated {
  rows: Rows
  /** after the last of `rows`; a source either always has one or never */
  position?: Json
}

export interface GeneratedSource {
  schema: Schema
  primaryKey?: readonly string[]
  /** its rows come to an end: `generate` gives 'end'. Default false */
  bounded?: boolean
  /** milliseconds until `generate` is called again after it had nothing; default 100 */
  idle?: number
  initialize?(): Promise<void>
  /** The next rows; nothing (undefined, or no rows) where there are none just now; 'end' where none will come. */
  generate(call: GenerateCall): Promise<Generated | 'end' | undefined>
  /**
   * All rows up to this position are where they belong: time to acknowledge them. Without positions: all rows of the
   * first so many calls of `generate` that gave some, counted over the whole life of the pipeline.
   */
  finalized?(position: Json): Promise<void>
  terminate?(): Promise<void>
}

export interface SourceParts<C> {
  config: z.ZodType<C>
  create(config: C, context: NodeContext): GeneratedSource | Promise<GeneratedSource>
}

/**
 * A source from a function that gives the next rows. With positions its rows are read again exactly after a failure.
 * Without, an epoch that is run again has no rows of it: what its origin does not deliver anew is lost, so it
 * acknowledges in `finalized`, and is then at least once.
 */
export function sourceFrom<C>({ config, create }: SourceParts<C>): PluginSource<C> {
  return {
    config,
    async open(options, context) {
      const parts = await create(options, context)
      await parts.initialize?.()
      return openGenerated(parts, context)
    },
  }
}

/** The partition's own position, or how often a source without gave rows. */
type At = { at: Json } | { calls: number }

function openGenerated(parts: GeneratedSource, context: NodeContext): Source {
  return {
    schema: parts.schema,
    ...(parts.primaryKey && { primaryKey: parts.primaryKey }),
    bounded: parts.bounded ?? false,
    start: async () => ({}),
    read: (from, to) => openReader(parts, context, from, to),
    async finalized(position) {
      const at = atOf(position)
      if (at !== undefined) await parts.finalized?.('at' in at ? at.at : at.calls)
    },
    async close() {
      await parts.terminate?.()
    },
  }
}

function openReader(parts: GeneratedSource, context: NodeContext, from: Position, to?: Position): SourceReader {
  const closer = new AbortController()
  const signal = AbortSignal.any([context.signal, closer.signal])
  const target = to && atOf(to)
  let at = atOf(from)

  const isThere = (): boolean =>
    to !== undefined && (target === undefined || 'calls' in target || isDeepStrictEqual(at, target))

  function advance(position: Json | undefined): void {
    if (position !== undefined && (at === undefined || 'at' in at)) at = { at: position }
    else if (position === undefined && (at === undefined || 'calls' in at)) at = { calls: (at?.calls ?? 0) + 1 }
    else
      throw new PipelineError(
        'bad_data',
        'the plugin gave rows with a position and rows without: it is one or the other',
      )
  }

  async function next(): Promise<SourceRows | undefined> {
    while (!isThere()) {
      const given = await unlessAborted(
        parts.generate({
          after: at && 'at' in at ? at.at : undefined,
          upTo: target && 'at' in target ? target.at : undefined,
          signal,
        }),
        signal,
      )
      if (given === 'end') {
        if (to === undefined) return undefined
        throw new PipelineError(
          'state',
          `the source ended before ${JSON.stringify(target)}, up to which it was read before`,
        )
      }
      const before = at
      const batch = given && batchOf(given)
      if (batch !== undefined) return { batch, position: { ...at } }
      // rows that were all refused: there may be more behind them
      if (!isDeepStrictEqual(at, before)) continue
      // a run that ends with what is there does not wait for more
      if (context.jobMode && to === undefined) return undefined
      await pause(parts.idle ?? 100, signal)
    }
    return undefined
  }

  function batchOf({ rows, position }: Generated): RecordBatch | undefined {
    const batch = toBatch(parts.schema, rows, context)
    if (batch !== undefined || position !== undefined) advance(position)
    return batch
  }

  return { next, close: async () => closer.abort() }
}

function atOf(position: Position): At | undefined {
  if (Object.hasOwn(position, 'at')) return { at: position.at! }
  return typeof position.calls === 'number' ? { calls: position.calls } : undefined
}

/** Ends with the signal, also where what it waits for does not. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  return unlessAborted(promise, signal).finally(() => clearTimeout(timer))
}
