import type { Json, Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Session } from './store.ts'

/**
 * `{ TABLE: { position, received_at } }`. One writer gives the ids in the order of its commits, and none is given
 * twice: whatever is committed later has a higher id, so that `id > position` skips nothing.
 */
export interface Place {
  /** id of the last row that was read; 0: none */
  id: number
  /** of that row, microseconds; undefined: not known. Tells another database that has as many rows */
  receivedAt: number | undefined
}

export function positionOf(table: string, { id, receivedAt }: Place): Position {
  return { [table]: receivedAt === undefined ? { position: id } : { position: id, received_at: receivedAt } }
}

export function placeOf(table: string, position: Position): Place {
  const value = position[table] as { [key: string]: Json } | null | undefined
  const id = value?.position
  const receivedAt = value?.received_at
  if (isCount(id) && (receivedAt === undefined || isCount(receivedAt))) return { id, receivedAt }
  const known = Object.keys(position).join(', ') || 'none'
  throw new PipelineError(
    'state',
    value === undefined
      ? `the state has a position of ${known}, and none of the table ${table}: reset the pipeline, or give the source another name`
      : `the position of the table ${table} in the state is damaged: ${JSON.stringify(value)}`,
  )
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Throws `state` where the store cannot be the one that gave the place. */
export function checkPlace(session: Session, table: string, idColumn: string, { id, receivedAt }: Place): void {
  const other = (why: string) =>
    new PipelineError(
      'state',
      `${session.path} is not the store that the position ${id} of the table ${table} comes from: ${why}. Bring that store back, or reset the pipeline to read this one from its start`,
    )
  const last = session.lastId(table)
  if (id > last) throw other(`it never had more than ${last} rows there`)
  if (receivedAt === undefined) return
  const found = session.db.prepare(`select received_at from ${table} where ${idColumn} = ?`).pluck().get(id)
  // a row that was deleted since proves nothing
  if (found !== undefined && found !== receivedAt)
    throw other(`its row ${id} was received at ${found} µs, and not at ${receivedAt} µs`)
}
