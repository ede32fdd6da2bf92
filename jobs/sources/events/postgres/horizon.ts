import { setTimeout as delay } from 'node:timers/promises'
import { literal } from '../../../drivers/postgres/names.ts'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import type { TableName } from '../tables.ts'

/**
 * How far a table can be read: ids come from a sequence, so that a transaction may commit after others with higher ids.
 * A server that crashed may give ids again that no committed row has: what was asked holds for its session only.
 */
export interface Horizon {
  /** the newest id that was given */
  given: number
  /** statements begun from now on see all rows up to this id that there will ever be */
  safe: number
  /** tells a table that was made anew */
  oid: number
}

export type AskHorizon = () => Promise<Horizon>

/** Of one table; what was learnt stays with the session. */
export function createHorizons(): (session: PgSession, table: TableName) => AskHorizon {
  const known = new WeakMap<PgSession, AskHorizon>()
  return (session, table) => {
    const ask = known.get(session) ?? createHorizon(session, table)
    known.set(session, ask)
    return ask
  }
}

function createHorizon(session: PgSession, table: TableName): AskHorizon {
  if (table === 'dead_letters') return createLettersHorizon(session)
  const name = literal(table)
  const sql = `SELECT given, safe, to_regclass(${name})::oid AS oid FROM horizon(${name})`
  return async () => {
    const { rows } = await session.query<{ given: string; safe: string; oid: number }>(sql)
    const { given, safe, oid } = rows[0]!
    return { given: Number(given), safe: Number(safe), oid }
  }
}

/** How long whoever writes dead letters is waited for where nothing is known yet, and how often it is looked, ms. */
const patienceMs = 2000
const lookMs = 20

/**
 * Gateways do not say when they write dead letters; but who inserts into a table holds a lock on it from before it takes
 * an id to its end. Once all who held it when an id was the newest have ended, all up to that id are decided.
 */
function createLettersHorizon(session: PgSession): AskHorizon {
  let safe: number | undefined
  let open: { given: number; holders: ReadonlySet<string> } | undefined

  /** The newest id is asked for first, in a statement of its own: whoever took it then is among the holders, or has ended. */
  async function look(): Promise<{ given: number; oid: number }> {
    const { rows } = await session.query<{ given: string | null; oid: number }>(
      `SELECT pg_sequence_last_value(pg_get_serial_sequence('dead_letters', 'dead_letter_id')::regclass) AS given,
         'dead_letters'::regclass::oid AS oid`,
    )
    const { given, oid } = rows[0]!
    const { rows: locks } = await session.query<{ holder: string }>(
      `SELECT virtualtransaction AS holder FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
         AND relation = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [oid],
    )
    const now = { given: Number(given ?? 0), holders: new Set(locks.map(({ holder }) => holder)) }
    if (now.holders.size === 0) {
      safe = now.given
      open = undefined
    } else if (open === undefined || open.holders.isDisjointFrom(now.holders)) {
      safe = open?.given ?? safe
      open = now
    }
    return { given: now.given, oid }
  }

  return async () => {
    for (const deadline = performance.now() + patienceMs; ; ) {
      const { given, oid } = await look()
      if (safe !== undefined) return { given, safe, oid }
      if (performance.now() > deadline)
        throw new PipelineError('unavailable', `${session.label}: a transaction that writes dead letters does not end`)
      await delay(lookMs)
    }
  }
}
