import { setTimeout as delay } from 'node:timers/promises'
import type { PgSession } from '../../../drivers/postgres/session.ts'
import { createHorizons } from '../../../sources/events/postgres/horizon.ts'
import type { Place } from '../../../sources/events/postgres/place.ts'
import type { TableName } from '../../../sources/events/tables.ts'
import type { WorkContext } from '../../kinds.ts'
import { inStore, refuseStrangers } from '../../postgres.ts'
import { checkPosition } from '../positions.ts'
import type { Deleted, DeleteRows, Deletion } from '../stores.ts'
import { createDropper } from './drop.ts'
import { type Partition, partitionsOf, tablesOf } from './partitions.ts'
import { deleteSlices } from './slices.ts'

/** Another retention of the table is waited for, and asked again after so long, ms. */
const turnMs = 250
/** A job that is paused loses its connection, and its turn, ms. */
const idleMs = 60_000
/** Partitions that others use are tried again: for so long in all, and with rests between, ms. */
const patienceMs = 30_000
const restMs = 1000

const settings = {
  // of a row or partition that somebody holds; the job fails then
  lock_timeout: '10000',
  // a delete that a crash of the server takes back is done again
  synchronous_commit: 'off',
}

/** The database of one or many gateways: whole days by dropping their partitions, the rest row by row, in slices. */
export const deleteFromPostgres: DeleteRows = (store, deletion, context) =>
  deletePatiently(store, deletion, context, patienceMs)

/** As `deleteFromPostgres`; for tests, which say how long partitions are tried again. */
export const deletePatiently = (
  store: string,
  deletion: Deletion,
  { signal, log }: WorkContext,
  patience: number,
): Promise<Deleted> =>
  inStore(store, { job: 'retention', signal, settings }, async (session, place) => {
    await refuseStrangers(session, place, await tablesOf(session, place, deletion.table), 'drop old days of')
    await takeTurn(session, place, deletion.table, { signal, log })
    const to = await boundOf(session, deletion)
    const limits = { ...deletion, to }
    const partitions = await partitionsOf(session, limits)
    const dropper = createDropper(session, limits, partitions)
    const held = await dropAll(partitions, dropper.drop, patience, signal)
    const { dropped } = dropper.figures
    let { rows } = dropper.figures
    for (const partition of partitions)
      if (!partition.dropped && !held.has(partition))
        rows += await deleteSlices(session, partition.name, limits, signal)

    const notes = [...held].map(([{ name }, holder]) => `${name} stays until the next time: ${holder} uses it`)
    for (const note of notes) log.warn('job.report', { table: deletion.table }, note)
    if (dropped > 0) notes.unshift(`${dropped} ${dropped === 1 ? 'partition' : 'partitions'} dropped as a whole`)
    return { figures: { rows, partitions: dropped }, notes }
  })

/** Drops what is whole; those that others use are tried again until `patience` (ms) is over, and given back with their users. */
async function dropAll(
  partitions: readonly Partition[],
  drop: (partition: Partition) => Promise<string | undefined>,
  patience: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<Partition, string>> {
  const deadline = performance.now() + patience
  const held = new Map<Partition, string>()
  for (let left = partitions.filter(({ whole }) => whole); ; left = [...held.keys()]) {
    for (const partition of left) {
      signal.throwIfAborted()
      const holder = await drop(partition)
      if (holder === undefined) held.delete(partition)
      else held.set(partition, holder)
    }
    if (held.size === 0 || performance.now() > deadline) return held
    await delay(restMs, undefined, { signal })
  }
}

/** One retention of a table at a time, on whatever machine; the server frees the lock with the connection. */
async function takeTurn(
  session: PgSession,
  { schema, name }: Place,
  table: string,
  { signal, log }: WorkContext,
): Promise<void> {
  // Postgres 14 and newer know it
  const known = "FROM pg_settings WHERE name = 'idle_session_timeout'"
  await session.query(`SELECT set_config(name, '${idleMs}', false) ${known}`)
  const key = `millrace retention ${schema}.${table}`
  // without a statement that waits: its snapshot would keep dead rows from being cleaned up
  for (let tries = 0; ; tries++) {
    const sql = 'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine'
    const { rows } = await session.query<{ mine: boolean }>(sql, [key])
    if (rows[0]!.mine) return
    if (tries === 0) log.info('job.report', { table }, `waits for another retention of ${table} in ${name}`)
    await delay(turnMs, undefined, { signal })
  }
}

/** Ids up to which rows may go: what was read, and never above the horizon, where rows may still come. */
async function boundOf(session: PgSession, { table, id, to, positions }: Deletion): Promise<number> {
  const { given, safe } = await createHorizons()(session, table as TableName)()
  for (const position of positions) {
    const { rows } = await session.query<{ at: string }>(
      `SELECT received_at AS at FROM ${table} WHERE ${id} = ${position.id}`,
    )
    checkPosition(table, position, { given, receivedAt: rows[0] && Number(rows[0].at) })
  }
  return Math.min(to, safe)
}
