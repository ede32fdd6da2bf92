import { keepRows } from '../../drivers/sql/rows.ts'
import { batchOf, emptyBatch } from '../../runtime/batch/build.ts'
import type { NodeContext, Source, SourceReader, SourceRows } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { FileConfig } from './file.ts'
import { formats } from './formats.ts'
import { type Read, readLive } from './live.ts'
import { createTracker, startPosition, type Tracker } from './progress.ts'
import { readAgain } from './replay.ts'
import { badPath, survey } from './survey.ts'

/** Rows of a batch at most. */
const mostRows = 65_536

export async function openFiles(config: FileConfig, context: NodeContext): Promise<Source> {
  const { path, mode, remember } = config
  const { place, format, isOurs, samples } = await survey(config, context)
  const open = await formats[format]({
    config: { ...config, format },
    place,
    context,
    samples,
    capacity: Math.min(mostRows, context.settings.record_batch_size ?? mostRows),
  })
  if (open.schema.fields.length === 1 && samples.length > 0) {
    await open.close?.()
    throw badPath(`no columns are found in the files of ${path}: name them in \`schema\``)
  }
  const filter = await openFilter()
  const isBounded = mode.type === 'bounded'
  let tracker: Tracker | undefined

  async function openFilter() {
    if (config.filter === undefined) return undefined
    try {
      const { compileFilter } = await import('../../drivers/sql/compile.ts')
      return await compileFilter(open.schema, config.filter)
    } catch (error) {
      await open.close?.()
      if (!(error instanceof PipelineError)) throw error
      throw new PipelineError(error.code, `filter: ${error.message}`, { path: ['filter'], cause: error })
    }
  }

  async function* filtered(reads: AsyncGenerator<Read>): AsyncGenerator<SourceRows, undefined> {
    for await (const { batch, position } of reads) {
      const kept = batch === undefined || filter === undefined ? batch : await keepRows(batch, filter.keep, context)
      yield {
        batch: kept === undefined ? emptyBatch(open.schema) : batchOf(open.schema, kept.data.children, kept.numRows),
        position,
      }
    }
  }

  return {
    schema: open.schema,
    ...(open.primaryKey && { primaryKey: open.primaryKey }),
    bounded: isBounded || context.jobMode,
    start: async () => startPosition,
    read(from, to) {
      const ending = new AbortController()
      const signal = AbortSignal.any([ending.signal, context.signal])
      if (to !== undefined) return readerOf(filtered(readAgain(open, place, from, to, signal)), ending)
      tracker = createTracker(from, place.lateness)
      const pollInterval = isBounded || context.jobMode ? undefined : mode.poll_interval
      return readerOf(
        filtered(readLive({ format: open, place, isOurs, context, signal, pollInterval, tracker })),
        ending,
      )
    },
    finalized: async position => tracker?.forget(remember, position),
    close: async () => {
      filter?.close()
      await open.close?.()
    },
  }
}

function readerOf(rows: AsyncGenerator<SourceRows, undefined>, ending: AbortController): SourceReader {
  return {
    async next() {
      const { value, done } = await rows.next()
      return done ? undefined : value
    },
    async close() {
      ending.abort()
      await rows.return(undefined)
    },
  }
}
