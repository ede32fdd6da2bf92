import { setTimeout as wait } from 'node:timers/promises'
import { awakeTimeout } from '../../../core/awake.ts'
import type { PipelineError } from '../../runtime/errors.ts'
import type { DuckDb } from '../duckdb/duckdb.ts'

/** How long a statement that was interrupted may take to end, ms: one value of a row is never interrupted. */
const grace = 1000

/**
 * What `work` gives, if it takes no longer than `limit` milliseconds that this thread was awake: it is interrupted then,
 * and left alone where it does not end. All that comes after it waits for it.
 */
export async function within<T>(
  db: Pick<DuckDb, 'interrupt'>,
  limit: number,
  late: () => PipelineError,
  work: () => Promise<T>,
): Promise<T> {
  const done = work()
  const passed = Promise.withResolvers<'late'>()
  const stop = awakeTimeout(limit, () => passed.resolve('late'))
  if ((await Promise.race([done, passed.promise]).finally(stop)) !== 'late') return done
  db.interrupt()
  const ended = new AbortController()
  const end = done.catch(() => {}).finally(() => ended.abort())
  await Promise.race([end, wait(grace, undefined, ended).catch(() => {})])
  throw late()
}
