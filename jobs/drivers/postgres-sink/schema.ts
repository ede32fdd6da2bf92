import { PipelineError } from '../../runtime/errors.ts'
import { literal, quote } from '../postgres/names.ts'
import type { PgSession } from '../postgres/session.ts'
import type { Column } from './table.ts'

/** Runs `work` in one transaction, in which no other sink makes tables in this schema. */
export function inSchema<T>(session: PgSession, schema: string, work: () => Promise<T>): Promise<T> {
  return session.transaction(async () => {
    await session.query(`select pg_advisory_xact_lock(hashtextextended(${literal(`millrace ${schema}`)}, 0))`)
    return work()
  })
}

/** Makes the schema where it is not there: `CREATE … IF NOT EXISTS` would want a grant even where it is. */
export async function makeSchema(session: PgSession, schema: string): Promise<void> {
  const { rows } = await session.query(`select 1 from pg_catalog.pg_namespace where nspname = ${literal(schema)}`)
  if (rows.length === 0) await session.query(`create schema ${quote(schema)}`)
}

export interface NeededTable {
  name: string
  /** columns to be added; undefined: the table has to be made */
  lacks: readonly Column[] | undefined
}

/** What the user is not granted, and a run would need. */
export async function placeProblems(
  session: PgSession,
  schema: string,
  tables: readonly NeededTable[],
): Promise<PipelineError[]> {
  const problems: string[] = []
  const about = await session.query<{ user: string; mayCreate: boolean; mayStage: boolean; mayMake: boolean | null }>(
    `select current_user::text as user,
       has_database_privilege(current_database(), 'create') as "mayCreate",
       has_database_privilege(current_database(), 'temporary') as "mayStage",
       (select has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage')
        from pg_catalog.pg_namespace n where n.nspname = ${literal(schema)}) as "mayMake"`,
  )
  const { user, mayCreate, mayStage, mayMake } = about.rows[0]!
  if (!mayStage)
    problems.push(
      'may not make temporary tables, where rows wait for their checkpoint: grant temporary on the database',
    )
  if (mayMake === null) {
    if (!mayCreate)
      problems.push(
        `may not make schema ${quote(schema)}, which is not there: make it, or grant create on the database`,
      )
  } else
    for (const table of [...tables, { name: '_millrace_positions', lacks: [] }])
      problems.push(...(await tableProblems(session, schema, table, mayMake)))
  return problems.map(
    text => new PipelineError('bad_pipeline', `${session.label}: user ${JSON.stringify(user)} ${text}`),
  )
}

async function tableProblems(
  session: PgSession,
  schema: string,
  { name, lacks = [] }: NeededTable,
  mayMake: boolean,
): Promise<string[]> {
  const { rows } = await session.query<{ mayWrite: boolean; mayAlter: boolean }>(
    `select bool_and(has_table_privilege(c.oid, p)) as "mayWrite", bool_and(pg_has_role(c.relowner, 'usage')) as "mayAlter"
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
       unnest(array['select', 'insert', 'update', 'delete']) as p
     where n.nspname = ${literal(schema)} and c.relname = ${literal(name)} group by c.oid`,
  )
  const [found] = rows
  if (found === undefined)
    return mayMake ? [] : [`may not make table ${name} in schema ${quote(schema)}: make it, or grant create on it`]
  if (!found.mayWrite) return [`may not write to ${schema}.${name}: grant select, insert, update and delete`]
  if (lacks.length === 0 || found.mayAlter) return []
  const columns = lacks.map(column => quote(column.name)).join(', ')
  return [`does not own ${schema}.${name}, which lacks column ${columns}: add what is missing`]
}
