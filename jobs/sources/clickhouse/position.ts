import type { Json, Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import { atLeast, atMost, behind, equal, type SortKey } from './key.ts'

/**
 * How far a table was read, in the order of its sort key: `{ TABLE: { from: [key…] } }` up to this key and without it,
 * `{ after: [key…] }` with it. Of a key of very many rows they are read in the order of a hash: `{ in: [key…], hash }`
 * up to this hash and with it. `{}` is the start. Beside them is the `id` of the table, where it is known.
 */
export type Place =
  | Record<string, never>
  | { from: readonly string[] }
  | { after: readonly string[] }
  | { in: readonly string[]; hash: string }

export const positionOf = (table: string, place: Place, id: string | undefined): Position => ({
  [table]: { ...(id !== undefined && { id }), ...place } as Json,
})

/** Positions that were kept before there were ids have none. */
export const idOf = (table: string, position: Position): Json | undefined =>
  (position[table] as { id?: Json } | null | undefined)?.id

/** `id` is that of the table now. */
export function placeOf(table: string, position: Position, parts: number, id: string | undefined): Place {
  const value = position[table]
  if (value === undefined)
    throw new PipelineError(
      'state',
      `the state has a position of ${Object.keys(position).join(', ') || 'none'}, and none of the table ${table}: reset the pipeline, or give the source another name`,
    )
  const known = idOf(table, position)
  if (known !== undefined && id !== undefined && known !== id)
    throw new PipelineError(
      'state',
      `table ${table} was dropped and made again, or exchanged (its uuid was ${known}, and is ${id}): positions of the old one mean nothing in it. Reset the pipeline to read the new one`,
    )
  const { id: _, ...place } = value as { [key: string]: Json }
  const { from, after, in: inside, hash } = place
  const isKey = (key: Json | undefined, least: number): key is string[] =>
    Array.isArray(key) && key.length >= least && key.length <= parts && key.every(text => typeof text === 'string')
  if (isKey(from, 1)) return { from }
  if (isKey(after, parts)) return { after }
  if (isKey(inside, parts) && typeof hash === 'string' && /^\d+$/.test(hash)) return { in: inside, hash }
  if (typeof value === 'object' && value !== null && Object.keys(place).length === 0) return {}
  throw new PipelineError(
    'state',
    `the position of the table ${table} in the state does not fit its sort key of ${parts} parts: ${JSON.stringify(value)}`,
  )
}

/** What lies behind a place. */
export function lower(key: SortKey, place: Place, hash: string): string[] {
  const { parts } = key
  if ('from' in place) return [atLeast(parts, place.from!), behind(parts, place.from!, true)]
  if ('after' in place) return [atLeast(parts, place.after!), behind(parts, place.after!, false)]
  if ('in' in place)
    return [atLeast(parts, place.in!), rest(key, place as { in: readonly string[]; hash: string }, hash)]
  return []
}

/** What lies before it. */
export function upper(key: SortKey, place: Place, hash: string): string[] {
  const { parts } = key
  if ('from' in place) return [atMost(parts, place.from!), `NOT (${behind(parts, place.from!, true)})`]
  if ('after' in place) return [atMost(parts, place.after!), `NOT (${behind(parts, place.after!, false)})`]
  if ('in' in place)
    return [atMost(parts, place.in!), `NOT ${rest(key, place as { in: readonly string[]; hash: string }, hash)}`]
  return []
}

const rest = ({ parts }: SortKey, place: { in: readonly string[]; hash: string }, hash: string): string =>
  `((${equal(parts, place.in)} AND ${hash} > toUInt64(${place.hash})) OR ${behind(parts, place.in, false)})`
