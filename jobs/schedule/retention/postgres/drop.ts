import { sqlStateOf } from '../../../drivers/postgres/failures.ts'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import type { Deletion } from '../stores.ts'
import type { Partition } from './partitions.ts'

/**
 * How long the first try of a partition waits for its lock, ms; each further one twice as long, up to the other. So long
 * gateways wait at most, since they queue behind it. Who has used the table for longer is not waited for at all.
 */
const firstLockMs = 100
const mostLockMs = 1000

/** SQLSTATEs: a lock is not to be had, or not without a deadlock. */
const busyStates = ['55P03', '40P01']
/** Ours: the partition got a row that stays. */
const usedState = 'MR001'

/**
 * Drops whole partitions. `drop` says who uses one that could not be dropped now; one that is not `whole` any more has
 * got a row that nobody has read.
 */
export function createDropper(session: PgSession, { table, id, to }: Deletion, partitions: readonly Partition[]) {
  const figures = { rows: 0, dropped: 0 }
  const tries = new Map<Partition, number>()
  const counts = new Map<Partition, number>()
  const spare = partitions.filter(({ isDefault }) => isDefault)

  async function drop(partition: Partition): Promise<string | undefined> {
    const { name } = partition
    const used = [partition, ...spare]
    const users = (ms: number) => userOf(session, table, used, ms)
    const user = await users(mostLockMs)
    if (user !== undefined) return user
    // before the lock, since it may take long: whoever adds rows from now on gives them ids above `to`
    const count = counts.get(partition) ?? (await countOf(session, name))
    counts.set(partition, count)
    const attempt = tries.get(partition) ?? 0
    tries.set(partition, attempt + 1)
    const lockMs = Math.min(mostLockMs, firstLockMs * 2 ** attempt)
    try {
      // one statement: a job that is paused or killed leaves no lock behind
      await session.query(`DO $retention$ BEGIN
        PERFORM set_config('lock_timeout', '${lockMs}', true);
        LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE;
        LOCK TABLE ${used.map(each => each.name).join(', ')} IN ACCESS EXCLUSIVE MODE NOWAIT;
        IF EXISTS (SELECT FROM ${name} WHERE ${id} > ${to}) THEN
          RAISE EXCEPTION USING ERRCODE = '${usedState}';
        END IF;
        DROP TABLE ${name};
      END $retention$`)
    } catch (error) {
      const state = sqlStateOf(error) ?? ''
      if (busyStates.includes(state)) return (await users(0)) ?? 'somebody'
      if (state !== usedState) throw error
      partition.whole = false
      return undefined
    }
    partition.dropped = true
    figures.rows += count
    figures.dropped++
    return undefined
  }

  return { drop, figures }
}

async function countOf(session: PgSession, name: string): Promise<number> {
  const { rows } = await session.query<{ count: string }>(`SELECT count(*) AS count FROM ${name}`)
  return Number(rows[0]!.count)
}

/** Who has used one of the tables for the longest time, where that is above `ms`. */
async function userOf(
  session: PgSession,
  table: string,
  partitions: readonly Partition[],
  ms: number,
): Promise<string | undefined> {
  const { rows } = await session.query<{ pid: number | null; name: string | null; seconds: number | null }>(
    `SELECT l.pid, coalesce(nullif(a.application_name, ''), a.backend_type) AS name,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
     FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (l.relation = '${table}'::regclass OR l.relation = ANY ($1::oid[]))
     ORDER BY l.pid IS NULL DESC, a.xact_start NULLS LAST LIMIT 1`,
    [partitions.map(({ oid }) => oid)],
  )
  const user = rows[0]
  if (user === undefined) return undefined
  // of a transaction that was prepared and not ended there is no process
  if (user.pid === null) return 'a prepared transaction'
  // how long others are at it is told to some users only
  const took = user.seconds ?? 0
  return took * 1000 < ms ? undefined : `${user.name} (pid ${user.pid}, for ${Math.ceil(took)} s)`
}
