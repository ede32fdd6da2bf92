import { isDeepStrictEqual } from 'node:util'
import type { RecordBatch, Schema } from 'apache-arrow'
import { exceptionOf } from '../../drivers/clickhouse/failures.ts'
import { batchOf, emptyBatch } from '../../runtime/batch/build.ts'
import type { NodeContext, SourceReader, SourceRows } from '../../runtime/contract.ts'
import { toPipelineError } from '../../runtime/errors.ts'
import type { PageSize, Pages } from './page.ts'
import { type Place, positionOf } from './position.ts'
import { withText } from './utf8.ts'

export interface ReaderOptions {
  context: NodeContext
  pages: Pages
  schema: Schema
  /** as the configuration names it */
  table: string
  /** of the table, for positions */
  id: string | undefined
  from: Place
  end: Place
  /** an epoch is read again: the last position is exactly `end` */
  exact: boolean
  limits: Limits
}

export interface Limits {
  /** rows of the table that a page may look at */
  pageRows: number
  /** rows of a batch */
  batchRows: number
  /** see `sort_key_range` */
  range: number
  /** of a page; milliseconds */
  timeout: number
}

/** A page is to have about so many bytes, and never many times as much. */
const pageBytes = 16 * 1024 * 1024
const mostResult = { max_result_bytes: 8 * pageBytes, result_overflow_mode: 'throw' }
const firstRows = 8_192
/** A result that is too large, and a query for which there is no memory. */
const tooMuch = [396, 241]

interface Page {
  place: Place
  batch: RecordBatch | undefined
}

/** Reads page after page, the next one while the last one is worked on. */
export function createReader({
  context,
  pages,
  schema,
  table,
  id,
  from,
  end,
  exact,
  limits,
}: ReaderOptions): SourceReader {
  const closing = new AbortController()
  const size: PageSize = { rows: Math.min(firstRows, limits.pageRows, limits.batchRows), range: limits.range }
  const options = { timeout: limits.timeout, signal: closing.signal }
  let ahead: Promise<Page | undefined> | undefined
  let isOver = false

  async function readPage(low: Place): Promise<Page | undefined> {
    if (isDeepStrictEqual(low, end)) return undefined
    const begun = performance.now()
    try {
      const high = await pages.bound(low, end, { ...size, ...options })
      // a key is never read twice, whatever was removed meanwhile
      if (high === undefined) return exact ? { place: end, batch: undefined } : undefined
      // of one key, or rows that cannot be told apart, there is no smaller page
      const settings = size.rows === 1 ? {} : { ...mostResult, max_result_rows: limits.batchRows }
      const { batch, bytes } = await pages.read(low, high, { ...options, settings })
      adapt(batch?.numRows ?? 0, bytes, performance.now() - begun)
      return { place: high, batch }
    } catch (error) {
      const code = exceptionOf(error)
      if (toPipelineError(error).code === 'timeout') shrink(2)
      else if (code !== undefined && tooMuch.includes(code) && size.rows > 1) {
        shrink(4)
        return readPage(low)
      }
      throw error
    }
  }

  function shrink(by: number): void {
    size.rows = Math.max(1, Math.floor(size.rows / by))
    size.range = Math.max(1, Math.floor(size.range / by))
  }

  /** Pages grow up to what a batch may have; further only where the filter leaves little of them. */
  function adapt(rows: number, bytes: number, ms: number): void {
    if (ms > limits.timeout / 2) {
      shrink(2)
      return
    }
    const factor = Math.min(4, pageBytes / Math.max(bytes, 1), limits.batchRows / Math.max(rows, 1))
    size.rows = Math.max(1, Math.min(limits.pageRows, Math.floor(size.rows * Math.max(factor, 0.1))))
    size.range = Math.min(limits.range, size.range * 2)
  }

  const read = (low: Place): Promise<Page | undefined> => {
    const page = context.retry(`read ${table}`, () => readPage(low))
    // told by `next`, which may not be called any more
    page.catch(() => {})
    return page
  }

  return {
    async next(): Promise<SourceRows | undefined> {
      if (isOver || closing.signal.aborted) return undefined
      const page = await (ahead ?? read(from)).catch(error => {
        if (closing.signal.aborted) return undefined
        throw error
      })
      if (page === undefined) {
        isOver = true
        return undefined
      }
      ahead = read(page.place)
      const batch =
        page.batch && withText(batchOf(schema, page.batch.data.children, page.batch.numRows), table, context.dead)
      return { batch: batch ?? emptyBatch(schema), position: positionOf(table, page.place, id) }
    },
    async close() {
      closing.abort(new Error('the reader is closed'))
      await ahead?.catch(() => {})
    },
  }
}
