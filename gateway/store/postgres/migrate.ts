import type pg from 'pg'
import { AppError } from '../../../core/errors.ts'
import { otlpTableNames, promotedColumn } from '../../../core/otlp/tables.ts'
import { lockKey } from './locks.ts'
import { migrations } from './migrations.ts'
import { makePartitions } from './partitions.ts'
import type { Place } from './place.ts'

export const schemaVersion = migrations.length
/** Of the comment that makes a schema ours: `millrace store, version N`. */
const mark = /^millrace store, version (\d+)$/

/** Version of the store in the schema; 0 where there is none. Refuses what is newer, not ours, not in UTF-8, or not to be used. */
export async function versionOf(client: pg.ClientBase, place: Place): Promise<number> {
  const { rows } = await client.query<{
    encoding: string
    comment: string | null
    usable: boolean | null
    who: string
    full: boolean
  }>(
    `select current_setting('server_encoding') as encoding, obj_description(n.oid, 'pg_namespace') as comment,
       has_schema_privilege(n.oid, 'usage') as usable, quote_ident(current_user) as who,
       exists (select 1 from pg_class c where c.relnamespace = n.oid) as full
     from (select 1) one left join pg_namespace n on n.nspname = $1`,
    [place.schema],
  )
  const { encoding, comment, usable, who, full } = rows[0]!
  if (encoding !== 'UTF8')
    throw refused(`the database of ${place.name} has the encoding ${encoding}: create one with encoding 'UTF8'`)
  const version = Number(mark.exec(comment ?? '')?.[1] ?? 0)
  if (version > schemaVersion)
    throw refused(
      `${place.name} was written by a newer Millrace (schema version ${version}, this one knows ${schemaVersion}): upgrade, or name another one with --store`,
    )
  if (version === 0 && full)
    throw refused(
      `the schema ${place.schema} of ${place.name} holds tables of something else: name another one as ?schema=NAME`,
    )
  // without it, Postgres says of every table that it does not exist
  if (usable === false)
    throw refused(
      `${place.name}: the user ${who} may not use the schema ${place.schema}: grant usage on schema ${place.schema} to ${who}, and grant it the tables and sequences in it`,
    )
  return version
}

/**
 * Brings an empty or older schema to the current version, with its partitions and the columns of promoted attributes, in
 * one transaction. Several gateways may do so at once.
 */
export async function migrate(client: pg.ClientBase, place: Place, promote: readonly string[], now: number) {
  await client.query('begin')
  try {
    await client.query('set local lock_timeout = 0')
    // one at a time; what another one made is then seen
    await client.query(`select pg_advisory_xact_lock(${lockKey}, 1)`)
    const version = await versionOf(client, place)
    if (version < schemaVersion) {
      await client.query(`create schema if not exists ${place.schema}`)
      for (const sql of migrations.slice(version)) await client.query(sql)
      await client.query(`comment on schema ${place.schema} is 'millrace store, version ${schemaVersion}'`)
    }
    await addColumns(client, place, promote)
    await makePartitions(client, place, now)
    await client.query('commit')
  } catch (error) {
    // where the connection is lost the server does so by itself
    await client.query('rollback').catch(() => {})
    throw error
  }
}

/** Gives the tables of OpenTelemetry a column for each promoted attribute that has none yet. */
async function addColumns(client: pg.ClientBase, place: Place, promote: readonly string[]): Promise<void> {
  if (promote.length === 0) return
  const { rows } = await client.query<{ name: string }>(
    'select table_name || chr(10) || column_name as name from information_schema.columns where table_schema = $1',
    [place.schema],
  )
  const there = new Set(rows.map(row => row.name))
  for (const table of otlpTableNames)
    for (const column of promote.map(columnOf))
      if (!there.has(`${table}\n${column}`)) await client.query(`alter table ${table} add column ${column} text`)
}

/** Of a promoted attribute, as Postgres names it where it is not quoted, within its 63 bytes. */
export const columnOf = (key: string): string => promotedColumn(key).toLowerCase().slice(0, 63)

const refused = (message: string) => new AppError('store_unavailable', message)
