import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, Db } from '../../../drivers/sqlite/connection.ts'
import { checkPosition } from '../positions.ts'
import type { Deletion } from '../stores.ts'

/** A slice begins no more rows after this time: the gateway's writer is never to be held above 50 ms. */
const sliceMs = 6
/** Between two slices the writer has the database for itself, ms. */
const restMs = 12
/** Rows that are looked up at once. They go one by one, since each may be of 16 MiB. */
const pageRows = 256
/** So many rows in a row that stay: what comes behind them is newer still. */
const staying = 1000
/** Pages (4 KiB) of log that are copied into the database, which holds nobody up. */
const logPages = 2000

/**
 * Deletes from the oldest row on, slice by slice; says how many. Rows that a gateway took in late (a retried dead
 * letter has its old time under a new id) go once their neighbours do.
 */
export async function deleteSlices(connection: Connection, deletion: Deletion, signal: AbortSignal): Promise<number> {
  let rows = 0
  for (let at: Place | undefined = { id: 0, stayed: 0 }; at !== undefined; ) {
    signal.throwIfAborted()
    const place: Place = at
    const slice = await connection.change(db => deleteSlice(db, deletion, place))
    rows += slice.rows
    at = slice.next
    await connection.run(keepLogShort)
    if (at !== undefined) await delay(restMs)
  }
  return rows
}

interface Place {
  /** up to which all was looked at */
  id: number
  /** rows that stayed since the last one that went */
  stayed: number
}

function deleteSlice(db: Db, { table, id, to, before }: Deletion, from: Place): { rows: number; next?: Place } {
  const end = performance.now() + sliceMs
  const page = db.prepare<[number, number], { id: number; received_at: number }>(
    `select ${id} as id, received_at from ${table} where ${id} > ? and ${id} <= ? order by ${id} limit ${pageRows}`,
  )
  const remove = db.prepare<[number]>(`delete from ${table} where ${id} = ?`)
  let rows = 0
  const place = { ...from }
  for (;;) {
    const found = page.all(place.id, to)
    if (found.length === 0) return { rows }
    for (const row of found) {
      if (performance.now() >= end) return { rows, next: place }
      place.id = row.id
      if (row.received_at < before) {
        rows += remove.run(row.id).changes
        place.stayed = 0
      } else if (++place.stayed >= staying) return { rows }
    }
  }
}

function keepLogShort(db: Db): void {
  // NOOP tells the sizes and copies nothing (SQLite 3.51)
  const [{ log, checkpointed }] = db.pragma('wal_checkpoint(NOOP)') as [{ log: number; checkpointed: number }]
  if (log - Math.max(checkpointed, 0) > logPages) db.pragma('wal_checkpoint(PASSIVE)')
}

export function checkPositions(db: Db, { table, id, positions }: Deletion): void {
  const given = db.prepare<[string], number>('select seq from sqlite_sequence where name = ?').pluck().get(table) ?? 0
  const received = db.prepare<[number], number>(`select received_at from ${table} where ${id} = ?`).pluck()
  for (const position of positions) checkPosition(table, position, { given, receivedAt: received.get(position.id) })
}
