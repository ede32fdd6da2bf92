import { setImmediate } from 'node:timers/promises'
import type { RecordBatch, Schema } from 'apache-arrow'
import { keepRows } from '../../drivers/sql/rows.ts'
import { emptyBatch } from '../../runtime/batch/build.ts'
import type { DeadRow, NodeContext, SourceReader, SourceRows } from '../../runtime/contract.ts'
import type { Filter } from './filter.ts'
import { type Place, positionOf } from './position.ts'
import { sleep } from './sleep.ts'
import type { Feed, FeedOptions } from './stores.ts'

export interface ReaderOptions {
  context: NodeContext
  feedOf: (options: FeedOptions) => Feed
  filter: Filter | undefined
  /** of the rows that are handed on */
  schema: Schema
  table: string
  from: Place
  /** id of the last row; undefined: goes on with what comes */
  end: number | undefined
  /** a place that an earlier reader gave, which the store must know */
  to: Place | undefined
}

export function createReader(options: ReaderOptions): SourceReader {
  const { context, feedOf, filter, schema, table, end, to } = options
  const closing = new AbortController()
  const stop = AbortSignal.any([context.signal, closing.signal])
  const feed = feedOf({ to, stop })
  let place = options.from
  let reported = place.id
  let behind = true
  let gaveAt = Number.NEGATIVE_INFINITY

  async function kept(batch: RecordBatch, { keep }: Filter): Promise<RecordBatch | undefined> {
    const dead: DeadRow[] = []
    const rows = await keepRows(batch, keep, { dead: row => dead.push(row) })
    // what a closed reader finds is read, and told, by the next one
    if (!closing.signal.aborted) for (const row of dead) context.dead(row)
    return rows
  }

  async function next(): Promise<SourceRows | undefined> {
    // a source that has caught up collects rows, so that single ones do not make a batch each
    const rest = gaveAt + context.settings.record_batch_interval_ms - performance.now()
    if (end === undefined && !behind && rest > 0) await sleep(rest, stop)
    for (;;) {
      // the thread has other things to do between two pages
      await setImmediate()
      context.signal.throwIfAborted()
      if (closing.signal.aborted) return undefined
      const page = await feed.read(place, end)
      place = page.last
      behind = page.cut
      const batch = page.batch && filter ? await kept(page.batch, filter) : page.batch
      // rows that were left out are not looked at again, either
      if (batch !== undefined || place.id > reported) {
        gaveAt = performance.now()
        reported = place.id
        return { batch: batch ?? emptyBatch(schema), position: positionOf(table, place) }
      }
      if (page.cut) continue
      if (end !== undefined) return undefined
      await feed.news()
    }
  }

  return {
    // a try that waits for the store to come back is not waited for
    next: () => orUndefined(next(), closing.signal),
    async close() {
      closing.abort()
      feed.close()
    },
  }
}

/** `work`, or undefined once the signal aborts; what becomes of the work then is nobody's concern. */
function orUndefined<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(undefined)
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
  })
}
