import type { PgSession } from '../../../drivers/postgres/session.ts'
import type { Place } from '../../../sources/events/postgres/place.ts'
import { type TableName, withoutTable } from '../../../sources/events/tables.ts'
import { type Owned, ownedSql } from '../../postgres.ts'
import type { Deletion } from '../stores.ts'

/** A table and its partitions, by what anybody may see. */
export async function tablesOf(session: PgSession, { schema, name }: Place, table: string): Promise<Owned[]> {
  const { rows } = await session.query<Owned>(
    `SELECT ${ownedSql} FROM pg_class t JOIN pg_class c ON c.oid = t.oid OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = t.oid)
     WHERE t.relnamespace = $1::regnamespace AND t.relname = $2 ORDER BY c.relname`,
    [schema, table],
  )
  if (rows.length === 0) throw withoutTable(name, table as TableName)
  return rows
}

export interface Partition {
  oid: number
  name: string
  /** takes rows that no other partition does */
  isDefault: boolean
  /** all that it may hold is old, and its rows were read when it was looked at: it goes at once */
  whole: boolean
  dropped: boolean
}

/** Partitions of a table that may hold rows older than `before`, the oldest first. */
export async function partitionsOf(session: PgSession, { table, id, to, before }: Deletion): Promise<Partition[]> {
  const { rows } = await session.query<Pick<Partition, 'oid' | 'name'> & { bounds: string }>(
    `SELECT c.oid, c.oid::regclass::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '${table}'::regclass`,
  )
  const old = rows
    .map(({ bounds, ...row }) => ({ ...row, isDefault: bounds === 'DEFAULT', ...rangeOf(bounds) }))
    .filter(({ from }) => from < before)
    .sort((a, b) => a.from - b.from)
  const found: Partition[] = []
  for (const { from: _, end, ...row } of old) {
    const whole = end <= before && (await lastOf(session, row.name, id)) <= to
    found.push({ ...row, whole, dropped: false })
  }
  return found
}

async function lastOf(session: PgSession, name: string, id: string): Promise<number> {
  const { rows } = await session.query<{ last: string | null }>(`SELECT max(${id}) AS last FROM ${name}`)
  return Number(rows[0]!.last ?? 0)
}

/** Microseconds: from <= received_at < end. What is not bound so may hold anything. */
function rangeOf(bounds: string): { from: number; end: number } {
  const [, from, end] = /^FOR VALUES FROM \('?(\d+)'?\) TO \('?(\d+)'?\)$/.exec(bounds) ?? []
  return { from: Number(from ?? Number.NEGATIVE_INFINITY), end: Number(end ?? Number.POSITIVE_INFINITY) }
}
