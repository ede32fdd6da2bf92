import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOf } from '../../drivers/postgres/keys.ts'
import { quote } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Settings } from '../../settings.ts'
import { isCurrent, type StateTables, tablesOf } from './tables.ts'

/** What would keep a run from its state. Nothing is made. Throws what the server, or a table of something else, says. */
export async function lookAtPostgresState(settings: Settings['state_backend']['postgres']): Promise<PipelineError[]> {
  const tables = tablesOf(settings.state_schema_name, settings.state_table_name)
  const session = await connectPg({
    server: serverOf(settings),
    application: 'millrace check',
    statementTimeout: 30_000,
  })
  try {
    const { user, denied } = await missingGrants(session, tables)
    return denied.map(
      text => new PipelineError('refused', `${session.label}: user ${JSON.stringify(user)} ${text}, for the state`),
    )
  } finally {
    await session.close()
  }
}

async function missingGrants(
  session: PgSession,
  tables: StateTables,
): Promise<{ user: string; denied: readonly string[] }> {
  const { schema } = tables
  const { rows } = await session.query<Place>(
    `SELECT current_user::text AS user, has_database_privilege(current_database(), 'create') AS "mayMakeSchema",
       has_schema_privilege(n.oid, 'usage') AS "mayUse", has_schema_privilege(n.oid, 'create') AS "mayMake"
     FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1`,
    [schema],
  )
  const { user, mayMakeSchema, mayUse, mayMake } = rows[0]!
  const say = (...denied: readonly string[]) => ({ user, denied })
  if (mayUse === null)
    return mayMakeSchema
      ? say()
      : say(`may not make schema ${quote(schema)}, which is not there: make it, or grant create on the database`)
  if (!mayUse) return say(`may not use schema ${quote(schema)}: grant usage on it`)

  const isReady = await isCurrent(session, tables)
  const found = await session.query<Table>(
    `SELECT name, c.oid IS NOT NULL AS "isThere", pg_has_role(c.relowner, 'usage') AS "isOwn",
       (SELECT bool_and(has_table_privilege(c.oid, p)) FROM unnest(ARRAY['select', 'insert', 'update', 'delete']) AS p) AS "mayWrite"
     FROM unnest($1::text[]) AS name LEFT JOIN pg_catalog.pg_class c ON c.oid = to_regclass(name)`,
    [[tables.state, tables.letters, tables.owners]],
  )
  const denied = found.rows
    .filter(({ isThere, mayWrite }) => isThere && !mayWrite)
    .map(({ name }) => `may not write to ${name}: grant select, insert, update and delete on it`)
  if (isReady) return say(...denied)
  const missing = found.rows.filter(({ isThere }) => !isThere).map(({ name }) => name)
  if (!mayMake)
    return say(
      ...denied,
      `may not make ${missing.length === 0 ? 'what tables lack' : `table ${missing.join(', ')}`} in schema ${quote(schema)}: grant create on it`,
    )
  // what is half made is made whole by who owns it
  const foreign = found.rows.filter(({ name, isThere, isOwn }) => isThere && !isOwn && name !== tables.state)
  return say(
    ...denied,
    ...foreign.map(({ name }) => `does not own ${name}, which was not made whole: drop it, or let its owner run first`),
  )
}

interface Place {
  user: string
  mayMakeSchema: boolean
  /** null: there is no such schema */
  mayUse: boolean | null
  mayMake: boolean | null
}

interface Table {
  /** as SQL has it */
  name: string
  isThere: boolean
  isOwn: boolean | null
  mayWrite: boolean | null
}
