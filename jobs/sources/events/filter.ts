import type { RecordBatch, Schema } from 'apache-arrow'
import { type CompiledFilter, compileFilter } from '../../drivers/sql/compile.ts'
import { batchOf } from '../../runtime/batch/build.ts'
import { PipelineError, toPipelineError } from '../../runtime/errors.ts'

export interface Filter {
  /** The rows that the predicate holds for, in the columns that are handed on; undefined: none. */
  keep(batch: RecordBatch): Promise<RecordBatch | undefined>
  close(): Promise<void>
}

/** Names that stand as words in the predicate: it can use no other columns. */
export const namesIn = (predicate: string): ReadonlySet<string> =>
  new Set(predicate.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [])

interface FilterSchemas {
  /** what is read: first the columns that are handed on, then those that only the predicate uses */
  read: Schema
  /** what is handed on */
  given: Schema
  /** the table, for messages */
  all: Schema
}

export async function createFilter(predicate: string, { read, given, all }: FilterSchemas): Promise<Filter> {
  const compiled = await compile(predicate, read, all)
  // one call at a time: a reader may be closed, and followed by another, while one is under way
  let turn: Promise<unknown> = Promise.resolve()

  async function keepNow(batch: RecordBatch): Promise<RecordBatch | undefined> {
    const kept = await compiled.keep(batch)
    return kept && batchOf(given, kept.data.children.slice(0, given.fields.length), kept.numRows)
  }

  return {
    keep(batch) {
      const kept = turn.then(() => keepNow(batch))
      turn = kept.catch(() => {})
      return kept
    },
    async close() {
      await turn
      compiled.close()
    },
  }
}

async function compile(predicate: string, read: Schema, all: Schema): Promise<CompiledFilter> {
  try {
    return await compileOver(read, predicate)
  } catch (error) {
    // a wrong name is told with all names that may have been meant
    const other = await compileOver(all, predicate)
    other.close()
    throw error
  }
}

async function compileOver(schema: Schema, predicate: string): Promise<CompiledFilter> {
  try {
    return await compileFilter(schema, predicate)
  } catch (error) {
    const { code, message } = toPipelineError(error)
    throw new PipelineError(code, message, { path: ['filter'], cause: error })
  }
}
