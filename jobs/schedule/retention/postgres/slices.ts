import { setTimeout as delay } from 'node:timers/promises'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import type { Deletion } from '../stores.ts'

/** What a slice is to take, ms; the next one has more or fewer rows, within these bounds. */
const sliceMs = 100
const firstRows = 64
const mostRows = 16_384
const growth = 4

/**
 * Deletes the old rows of one partition in the order of their ids; says how many. Each slice is a statement of its own,
 * and rests as long as it took.
 */
export async function deleteSlices(
  session: PgSession,
  partition: string,
  { id, to, before }: Deletion,
  signal: AbortSignal,
): Promise<number> {
  let deleted = 0
  let limit = firstRows
  for (let after = -1; ; ) {
    signal.throwIfAborted()
    const begun = performance.now()
    const rows = `FROM ${partition} WHERE ${id} > ${after} AND received_at < ${before} AND ${id} <=`
    const { rows: pages } = await session.query<{ last: string | null; found: string }>(
      `SELECT max(${id}) AS last, count(*) AS found FROM (SELECT ${id} ${rows} ${to} ORDER BY ${id} LIMIT ${limit}) page`,
    )
    const { last, found } = pages[0]!
    if (last === null) return deleted
    deleted += (await session.query(`DELETE ${rows} ${last}`)).count
    if (Number(found) < limit) return deleted
    after = Number(last)
    const ms = performance.now() - begun
    limit = ms > sliceMs ? Math.max(1, Math.floor((limit * sliceMs) / ms)) : Math.min(mostRows, limit * growth)
    await delay(ms, undefined, { signal })
  }
}
