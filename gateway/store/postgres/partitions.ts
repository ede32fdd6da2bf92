import type pg from 'pg'
import { codeOf } from '../../../core/errors.ts'
import { otlpTableNames } from '../../../core/otlp/tables.ts'
import { lockKey } from './locks.ts'
import type { Place } from './place.ts'
import type { Session } from './session.ts'

/** Tables that lie in one partition per day of `received_at`, and what a row of another day goes to: `TABLE_default`. */
export const partitioned = ['events', ...otlpTableNames]

const dayMs = 86_400_000
/** Today's, and so many after it. */
const daysAhead = 3

/**
 * Makes the partitions that are missing, from the day of `now` (ms) on. A position is in a partition once at most; over
 * all of them the row of its stream is the proof.
 */
export async function makePartitions(client: pg.ClientBase, { schema }: Place, now: number): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1`,
    [schema],
  )
  const there = new Set(rows.map(row => row.name))
  const missing: string[] = []
  for (const table of partitioned) {
    const add = (name: string, range: string) => {
      if (!there.has(name))
        missing.push(
          `create table ${name} partition of ${table} ${range};
           create unique index ${name}_by_stream on ${name} (stream_id, stream_index)`,
        )
    }
    add(`${table}_default`, 'default')
    for (let k = 0; k <= daysAhead; k++) {
      const day = Math.floor(now / dayMs) + k
      const [from, to] = [day, day + 1].map(d => BigInt(d * dayMs) * 1000n)
      add(`${table}_${dayName(day)}`, `for values from (${from}) to (${to})`)
    }
  }
  if (missing.length === 0 || (await made(client, missing.join(';')))) return
  for (const sql of missing) await made(client, sql)
}

/** False where rows of that day are in the default partition already: they stay, and those to come join them. */
async function made(client: pg.ClientBase, sql: string): Promise<boolean> {
  await client.query('savepoint partitions')
  try {
    await client.query(`${sql}; release partitions`)
    return true
  } catch (error) {
    if (codeOf(error) !== '23514') throw error
    await client.query('rollback to partitions; release partitions')
    return false
  }
}

/** YYYYMMDD of a day since 1970 */
const dayName = (day: number) => new Date(day * dayMs).toISOString().slice(0, 10).replaceAll('-', '')

/** how often the partitions of coming days are made, and made again where that failed, ms */
const everyMs = 3_600_000
const againMs = 60_000
/** A table waits no longer for a lock, since those who write to it wait behind; ms. */
const lockMs = 1000
const makeMs = 60_000

/** Makes partitions ahead while the store is open. */
export function keepPartitions(
  place: Place,
  open: () => Promise<Session>,
  onWarning: (message: string) => void,
): { stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let failed = false

  async function make(): Promise<void> {
    const session = await open()
    try {
      await session.within(makeMs, async () => {
        await session.client.query(
          `begin; set local lock_timeout = ${lockMs}; select pg_advisory_xact_lock(${lockKey}, 2)`,
        )
        await makePartitions(session.client, place, Date.now())
        await session.client.query('commit')
      })
    } finally {
      await session.end()
    }
  }

  function next(ms: number): void {
    timer = setTimeout(() => {
      make().then(
        () => {
          failed = false
          next(everyMs)
        },
        error => {
          // nothing is lost: rows of a day without one go to the default partition
          if (!failed) onWarning(`store ${place.name}: the partitions of the next days are not made: ${error.message}`)
          failed = true
          next(againMs)
        },
      )
    }, ms)
    timer.unref()
  }
  next(everyMs)
  return { stop: () => clearTimeout(timer) }
}
