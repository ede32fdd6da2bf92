import { literal, qualified, quote } from '../../drivers/postgres/names.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import { PipelineError } from '../../runtime/errors.ts'

export const schemaVersion = 1
const comment = (version: number) => `millrace state, version ${version}`

/** Names of the tables, as SQL has them. */
export interface StateTables {
  schema: string
  /** for messages: `streamling.state` */
  shown: string
  state: string
  letters: string
  owners: string
}

export function tablesOf(schema: string, table: string): StateTables {
  return {
    schema,
    shown: `${schema}.${table}`,
    state: qualified(schema, table),
    letters: qualified(schema, `${table}_dead_letters`),
    owners: qualified(schema, `${table}_owners`),
  }
}

/**
 * The first is the model runtime's, but that `data` is JSON there, of which JSONB rounds, reorders, and refuses the
 * escape of NUL. Rows of dead letters are bytes: they may have a NUL, which text cannot.
 */
const definitions = ({ state, letters, owners }: StateTables) => `
CREATE TABLE IF NOT EXISTS ${state} (
  namespace TEXT,
  key TEXT COLLATE "C",
  data JSON NOT NULL,
  created_at TIMESTAMPTZ DEFAULT NOW(),
  PRIMARY KEY (namespace, key)
);
CREATE TABLE IF NOT EXISTS ${letters} (
  dead_letter_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace TEXT NOT NULL,
  node TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  row BYTEA NOT NULL,
  retryable BOOLEAN NOT NULL,
  -- bytes of the whole row
  size BIGINT NOT NULL,
  -- microseconds UTC, as retry_at, which is null unless another try was asked for
  at BIGINT NOT NULL,
  retry_at BIGINT
);
CREATE INDEX IF NOT EXISTS ${indexOf(letters)} ON ${letters} (namespace, dead_letter_id);
CREATE TABLE IF NOT EXISTS ${owners} (
  namespace TEXT PRIMARY KEY,
  -- which holder it was, the newest counts
  fence BIGINT NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  since TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE ${owners} IS ${literal(comment(schemaVersion))};`

/** An index lies in the schema of its table; its name is cut where it would be too long. */
const indexOf = (letters: string) => quote(`${letters.split('"."')[1]!.slice(0, 40)}_by_namespace`.replaceAll('"', ''))

/** Makes what is missing; refuses what is no state of ours. */
export async function prepareTables(session: PgSession, tables: StateTables): Promise<void> {
  if (await isCurrent(session, tables)) return
  await session.transaction(async () => {
    // two processes may be first at once
    await session.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`millrace ${tables.state}`])
    if (await isCurrent(session, tables)) return
    const { rows } = await session.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [tables.schema])
    if (rows.length === 0) await session.query(`CREATE SCHEMA ${quote(tables.schema)}`)
    await session.query(definitions(tables))
  })
}

/** False where something is still to be made; throws where it is no state of ours. */
export async function isCurrent(session: PgSession, tables: StateTables): Promise<boolean> {
  const { rows } = await session.query<{ columns: string[] | null; said: string | null }>(
    `SELECT (SELECT array_agg(attname::text) FROM pg_catalog.pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped) AS columns,
       pg_catalog.obj_description(to_regclass($2), 'pg_class') AS said`,
    [tables.state, tables.owners],
  )
  const { columns, said } = rows[0]!
  const missing = columns && ['namespace', 'key', 'data', 'created_at'].filter(name => !columns.includes(name))
  if (missing && missing.length > 0)
    throw new PipelineError(
      'state',
      `${session.label}: ${tables.shown} is a table of something else, without ${missing.join(', ')}: name another in state_backend.postgres.state_table_name`,
    )
  const version = Number(/^millrace state, version (\d+)$/.exec(said ?? '')?.[1] ?? 0)
  if (version > schemaVersion)
    throw new PipelineError(
      'state',
      `${session.label}: ${tables.shown} was written by a newer Millrace (schema version ${version}, this one knows ${schemaVersion}): upgrade, or name another in state_backend.postgres.state_table_name`,
    )
  return columns !== null && version === schemaVersion
}
