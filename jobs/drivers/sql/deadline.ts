import { setTimeout as wait } from 'node:timers/promises'
import type { PipelineError } from '../../runtime/errors.ts'
import type { DuckDb } from '../duckdb/duckdb.ts'

/** How long a statement that was interrupted may take to end, ms: one value of a row is never interrupted. */
const grace = 1000

/**
 * What `work` gives, if it takes no longer than `limit` milliseconds: it is interrupted then, and left alone where it
 * does not end. All that comes after it waits for it.
 */
export async function within<T>(
  db: Pick<DuckDb, 'interrupt'>,
  limit: number,
  late: () => PipelineError,
  work: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const done = work().finally(() => stop.abort())
  const passed = wait(limit, 'late' as const, { signal: stop.signal }).catch(() => 'done' as const)
  if ((await passed) === 'done') return done
  db.interrupt()
  await Promise.race([done.catch(() => {}), wait(grace, undefined, { signal: stop.signal }).catch(() => {})])
  throw late()
}
