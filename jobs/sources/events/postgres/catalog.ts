import type { PgSession } from '../../../drivers/postgres/session.ts'
import { PipelineError } from '../../../runtime/errors.ts'
import { type TableName, withoutTable } from '../tables.ts'
import type { Place } from './place.ts'

/** What the gateway calls its schemas; a test holds them against the gateway's own. */
export const schemaVersion = 1
const mark = /^millrace store, version (\d+)$/

/** Refuses what is no store of this version or an older one. `mayCome`: one that is missing may be made yet. */
export async function refuseOthers(session: PgSession, { name, schema }: Place, mayCome: boolean): Promise<void> {
  const { rows } = await session.query<{ standby: boolean; comment: string | null; full: boolean; there: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, obj_description(n.oid, 'pg_namespace') AS comment, n.oid IS NOT NULL AS there,
       EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid) AS full
     FROM (SELECT) AS one LEFT JOIN pg_namespace n ON n.nspname = $1`,
    [schema],
  )
  const { standby, comment, full, there } = rows[0]!
  if (standby)
    throw new PipelineError(
      'unavailable',
      `${name} is on a standby, which does not know what is being written: name the primary`,
    )
  const version = Number(mark.exec(comment ?? '')?.[1] ?? 0)
  if (version > schemaVersion)
    throw refused(
      `${name} was written by a newer Millrace (schema version ${version}, this one knows ${schemaVersion}): upgrade`,
    )
  if (version > 0) return
  if (full)
    throw refused(`the schema ${schema} of ${name} holds tables of something else, and is no store of a gateway`)
  if (there)
    throw new PipelineError('unavailable', `the store ${name} is empty: a gateway makes its tables when it starts`)
  throw new PipelineError(
    mayCome ? 'unavailable' : 'bad_pipeline',
    `there is no store at ${name}, whose database has no schema ${schema}: start the gateway once, or name its schema as ?schema=NAME`,
    { path: ['store'] },
  )
}

const refused = (message: string) => new PipelineError('bad_pipeline', message, { path: ['store'] })

/** Names of the columns. Refuses a table that is not there, or may not be read. */
export async function columnsOf(session: PgSession, { name, schema }: Place, table: TableName): Promise<string[]> {
  const { rows } = await session.query<{ column: string }>(
    `SELECT a.attname::text AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [schema, table],
  )
  if (rows.length === 0) throw withoutTable(name, table)
  await refuseUngranted(session, name, schema, table)
  return rows.map(row => row.column)
}

/** Without the right to its sequence a table would look as if no row ever came. */
async function refuseUngranted(session: PgSession, name: string, schema: string, table: TableName): Promise<void> {
  const ids = table === 'dead_letters' ? 'dead_letters_dead_letter_id_seq' : `${table}_ids`
  const { rows } = await session.query<{ who: string; schema: boolean; tables: string[]; ids: boolean }>(
    `SELECT current_user::text AS who, has_schema_privilege(n.oid, 'usage') AS schema,
       ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY ($2)
         AND NOT has_table_privilege(c.oid, 'select')) AS tables,
       EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = $3
         AND NOT has_sequence_privilege(c.oid, 'select, usage')) AS ids
     FROM pg_namespace n WHERE n.nspname = $1`,
    [schema, [table, 'streams'], ids],
  )
  const found = rows[0]!
  const missing = [
    ...(found.schema ? [] : [`usage on schema ${schema}`]),
    ...found.tables.map(each => `select on ${schema}.${each}`),
    ...(found.ids ? [`select on sequence ${schema}.${ids}`] : []),
  ]
  if (missing.length === 0) return
  const grants = missing.map(right => `grant ${right} to ${found.who}`).join('; ')
  throw new PipelineError('refused', `${name}: the user ${found.who} may not read ${table}: ${grants}`, {
    path: ['store'],
  })
}
