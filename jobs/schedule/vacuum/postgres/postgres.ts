import { formatSize } from '../../../../core/units.ts'
import { sqlStateOf } from '../../../drivers/postgres/failures.ts'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import type { Place } from '../../../sources/events/postgres/place.ts'
import { inStore, type Owned, ownedSql, refuseStrangers } from '../../postgres.ts'
import type { VacuumStore } from '../stores.ts'

/** A table that another vacuum, or a change of it, has is waited for so long, ms. */
const settings = { lock_timeout: '5000' }
/** SQLSTATE of a lock that was not to be had, and of a table that was dropped meanwhile. */
const busyState = '55P03'
const goneState = '42P01'

/** Makes the room of deleted rows free for new ones, gives back what is free at the end of a table, and counts anew. */
export const vacuumPostgres: VacuumStore = (store, { signal }) =>
  inStore(store, { job: 'vacuum', signal, settings }, async (session, place) => {
    const tables = await tablesOf(session, place)
    await refuseStrangers(session, place, tables, 'vacuum')
    const bytes_before = await sizeOf(session, place)
    const busy: string[] = []
    for (const { name, work } of tables) {
      signal.throwIfAborted()
      try {
        await session.query(`${work} ${name}`)
      } catch (error) {
        const state = sqlStateOf(error)
        if (state === busyState) busy.push(name)
        else if (state !== goneState) throw error
      }
    }
    const bytes_after = await sizeOf(session, place)
    const freed = Math.max(0, bytes_before - bytes_after)
    const done = `${formatSize(freed)} freed, ${formatSize(bytes_after)} left`
    const left = busy.length === 0 ? '' : `; in use, and as they were until the next time: ${busy.join(', ')}`
    return { figures: { bytes_before, bytes_after, freed, tables: tables.length - busy.length }, message: done + left }
  })

/** The tables of the schema. To analyze one that has partitions is to analyze these, too: it comes last. */
async function tablesOf(session: PgSession, { schema }: Place): Promise<(Owned & { work: string })[]> {
  const { rows } = await session.query<Owned & { work: string }>(
    // whoever owns the database may, and from Postgres 17 on whoever has MAINTAIN
    `SELECT name, owner, mine OR pg_has_role(d.datdba, 'usage') OR
       CASE WHEN current_setting('server_version_num')::int >= 170000 THEN has_table_privilege(t.oid, 'maintain') ELSE false END AS mine,
       CASE WHEN relkind = 'p' THEN 'ANALYZE' WHEN relispartition THEN 'VACUUM' ELSE 'VACUUM (ANALYZE)' END AS work
     FROM (SELECT c.oid, ${ownedSql}, c.relkind, c.relispartition
       FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p')) t
     JOIN pg_database d ON d.datname = current_database()
     ORDER BY relkind = 'p', name`,
    [schema],
  )
  return rows
}

/** Bytes on the disk, with indexes. */
async function sizeOf(session: PgSession, { schema }: Place): Promise<number> {
  const { rows } = await session.query<{ bytes: string | null }>(
    `SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`,
    [schema],
  )
  return Number(rows[0]!.bytes ?? 0)
}
