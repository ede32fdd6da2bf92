import { sqlStateOf } from '../../drivers/postgres/failures.ts'
import { serverOf } from '../../drivers/postgres/keys.ts'
import { literal, qualified, quote } from '../../drivers/postgres/names.ts'
import { createPool } from '../../drivers/postgres/pool.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import type { DynamicTable, NodeContext } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { DynamicTableConfig } from './dynamic_table.ts'

/** Values that one statement adds. */
const mostAdded = 10_000
/** Values that the cache holds at most; then it begins anew. */
const cachedValues = 1_000_000

type Config = Pick<
  DynamicTableConfig,
  'backend_entity_name' | 'schema' | 'column' | 'time_column' | 'cache' | 'cache_refresh_debounce_ms'
>

/** What of the table matters to a statement. */
interface Shape {
  /** the column is text, so that its index serves */
  isText: boolean
  hasTime: boolean
}

/** Writes nothing before the first `add`; a table that is missing holds no values. */
export async function openPostgresTable(config: Config, context: NodeContext): Promise<DynamicTable> {
  const { dynamic_table_backend: backend } = context.settings
  const { backend_entity_name: entity, column, time_column: time } = config
  const schema = config.schema ?? backend.postgres.dt_schema_name
  const debounce = config.cache_refresh_debounce_ms ?? backend.postgres.cache_refresh_debounce_ms
  const cache = (config.cache ?? backend.postgres.cache_enabled) ? new Map<string, boolean>() : undefined
  const table = qualified(schema, entity)
  const value = quote(column)
  const pool = createPool({
    server: serverOf(backend.postgres),
    application: `millrace ${context.pipeline}/${context.name}`,
    statementTimeout: 30_000,
    max: backend.postgres.max_connections,
    signal: context.signal,
  })
  /** how old the oldest of the cache may be */
  let filledAt = 0
  /** undefined: it does not exist, or was not looked at yet */
  let shape: Shape | undefined

  async function describe(session: PgSession): Promise<Shape | undefined> {
    const { rows } = await session.query<{ name: string; type: string }>(
      `SELECT attname::text AS name, format_type(atttypid, NULL) AS type FROM pg_catalog.pg_attribute
       WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
      [table],
    )
    if (rows.length === 0) return undefined
    const found = rows.find(({ name }) => name === column)
    if (found !== undefined)
      return { isText: /^(text|character varying)$/.test(found.type), hasTime: rows.some(({ name }) => name === time) }
    const names = rows.map(({ name }) => name).join(', ')
    const message = `${session.label}: the table ${schema}.${entity} has no column ${column}: it has ${names}`
    throw new PipelineError('bad_pipeline', message, { path: ['column'] })
  }

  /** Others may drop the table, or make it anew in another shape: then it is looked at again. */
  async function withShape<T>(session: PgSession, work: (shape: Shape | undefined) => Promise<T>): Promise<T> {
    const known = shape
    try {
      if (known !== undefined) return await work(known)
    } catch (error) {
      if (!sqlStateOf(error)?.startsWith('42')) throw error
    }
    shape = await describe(session)
    return work(shape)
  }

  const text = ({ isText }: Shape) => (isText ? value : `${value}::text`)

  async function lookUp(session: PgSession, wanted: readonly string[]): Promise<Set<string>> {
    return withShape(session, async known => {
      if (known === undefined) return new Set()
      const sql = `SELECT ${text(known)} AS value FROM ${table} WHERE ${text(known)} = ANY ($1::text[])`
      const { rows } = await session.query<{ value: string }>(sql, [wanted.map(store)])
      return new Set(rows.map(row => restore(row.value)))
    })
  }

  /** Of different values; in pieces, several at once. */
  async function find(wanted: readonly string[]): Promise<Set<string>> {
    const what = `look up ${wanted.length} values in ${schema}.${entity}`
    const found = await Promise.all(
      Array.from(slices(wanted, backend.max_batch_size), slice =>
        context.retry(what, () => pool.use(session => lookUp(session, slice))),
      ),
    )
    return found.length === 1 ? found[0]! : new Set(found.flatMap(set => [...set]))
  }

  /** One writer at a time, as in the model: times of values are in the order in which they can be seen. */
  async function insert(session: PgSession, added: readonly string[]): Promise<void> {
    await session.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`${schema}.${entity}`])
    shape = (await describe(session)) ?? (await create(session))
    const columns = shape.hasTime ? `${value}, ${quote(time)}` : value
    // tables that others made may have no unique index
    await session.query(
      `INSERT INTO ${table} (${columns}) SELECT new${shape.hasTime ? ', clock_timestamp()' : ''} FROM unnest($1::text[]) AS new
       WHERE NOT EXISTS (SELECT 1 FROM ${table} WHERE ${text(shape)} = new) ON CONFLICT DO NOTHING`,
      [added.map(store)],
    )
  }

  async function create(session: PgSession): Promise<Shape> {
    const { rows } = await session.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema])
    // tables of other pipelines may be the first in the schema at this moment
    if (rows.length === 0)
      await session.query(
        `DO $$ BEGIN CREATE SCHEMA ${quote(schema)}; EXCEPTION WHEN duplicate_schema OR unique_violation THEN END $$`,
      )
    await session.query(
      `CREATE TABLE ${table} (${value} TEXT PRIMARY KEY, ${quote(time)} TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp());
       COMMENT ON TABLE ${table} IS ${literal(`dynamic table of ${context.pipeline}`)}`,
    )
    return { isText: true, hasTime: true }
  }

  /** `since`: when the look began that told so. */
  function remember(wanted: string, isThere: boolean, since: number): void {
    if (cache === undefined) return
    if (cache.size >= cachedValues) cache.clear()
    if (cache.size === 0) filledAt = since
    cache.set(wanted, isThere)
  }

  try {
    await context.retry(`open ${schema}.${entity}`, () =>
      pool.use(async session => {
        shape = await describe(session)
      }),
    )
  } catch (error) {
    await pool.close()
    throw error
  }

  return {
    async has(values) {
      const now = performance.now()
      if (now - filledAt >= debounce) cache?.clear()
      const known = new Map<string, boolean>()
      const unknown = new Set<string>()
      for (const wanted of values) {
        if (wanted === null || known.has(wanted)) continue
        const remembered = cache?.get(wanted)
        if (remembered === undefined) unknown.add(wanted)
        else known.set(wanted, remembered)
      }
      const found = unknown.size === 0 ? unknown : await find([...unknown])
      for (const wanted of unknown) {
        known.set(wanted, found.has(wanted))
        remember(wanted, found.has(wanted), now)
      }
      return values.map(wanted => wanted !== null && known.get(wanted) === true)
    },
    async add(values) {
      // not by the cache: a value that was deleted a moment ago is to be there again
      const now = performance.now()
      const wanted = [...new Set(values)]
      if (wanted.length === 0) return
      const found = await find(wanted)
      const missing = wanted.filter(added => !found.has(added))
      for (const slice of slices(missing, mostAdded))
        await context.retry(`add ${slice.length} values to ${schema}.${entity}`, () =>
          pool.use(session => session.transaction(() => insert(session, slice))),
        )
      for (const added of missing) remember(added, true, now)
    },
    async close() {
      await pool.close()
      cache?.clear()
    },
  }
}

/** Text of Postgres has no NUL; this stands for it: a code point that no text has, and its own escape. */
const mark = '\uFFFE'
const isSpecial = /[\0\uFFFE]/g
const store = (value: string): string =>
  value.replace(isSpecial, found => (found === '\0' ? `${mark}0` : `${mark}${mark}`))
const restore = (value: string): string =>
  value.includes(mark) ? value.replace(/\uFFFE([0\uFFFE])/g, (_, kind) => (kind === '0' ? '\0' : mark)) : value

function* slices<T>(values: readonly T[], most: number): Generator<readonly T[]> {
  for (let at = 0; at < values.length; at += most) yield values.slice(at, at + most)
}
