import type { Json, Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'

/**
 * `{ TABLE: { position, received_at } }`. No id is given twice, and rows are read only up to where no lower id can come
 * any more: in SQLite one writer gives them in the order of its commits, in Postgres the store tells how far that is. So
 * `id > position` skips nothing.
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

/** What a store says of a place. */
export interface Found {
  /** the newest id that was ever given */
  given: number
  /** of the row with the id of the place; undefined: it is not there */
  receivedAt: number | undefined
}

/** Throws `state` where the store cannot be the one that gave the place. */
export function checkPlace(store: string, table: string, { id, receivedAt }: Place, found: Found): void {
  const other = (why: string) =>
    new PipelineError(
      'state',
      `${store} is not the store that the position ${id} of the table ${table} comes from: ${why}. Bring that store back, or reset the pipeline to read this one from its start`,
    )
  if (id > found.given) throw other(`it never had more than ${found.given} rows there`)
  // a row that was deleted since proves nothing
  if (receivedAt !== undefined && found.receivedAt !== undefined && found.receivedAt !== receivedAt)
    throw other(`its row ${id} was received at ${found.receivedAt} µs, and not at ${receivedAt} µs`)
}
