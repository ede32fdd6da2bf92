import { changeOnce, type Patience, readAgain } from '../../drivers/postgres/change.ts'
import { connectPg } from '../../drivers/postgres/connect.ts'
import { serverOf } from '../../drivers/postgres/keys.ts'
import { createPool } from '../../drivers/postgres/pool.ts'
import type { PgSession } from '../../drivers/postgres/session.ts'
import type { Json } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Settings } from '../../settings.ts'
import type { StateBackend, StateChange, StateOptions } from '../state.ts'
import { addLetters, countLetters, markLetters, readLetters, removeLetters } from './letters.ts'
import { fenced, type Holding, takeLock } from './lock.ts'
import { prepareTables, tablesOf } from './tables.ts'

/** State in tables of a Postgres database, which processes on several machines may share. */
export async function openPostgresState(
  settings: Settings['state_backend']['postgres'],
  { waiting }: StateOptions = {},
): Promise<StateBackend> {
  const tables = tablesOf(settings.state_schema_name, settings.state_table_name)
  const { state, letters, owners } = tables
  const options = { server: serverOf(settings), application: 'millrace state', statementTimeout: 30_000 }
  const pool = createPool({ ...options, max: settings.max_connections })
  const held = new Map<string, Holding>()
  /** calls that wait for the server */
  let away = 0

  /** `call` is told what to do where the server stays away. */
  async function patiently<T>(call: (patience: Patience) => Promise<T>): Promise<T> {
    if (waiting === undefined) return call({})
    let waits = false
    const later = (error: PipelineError) => {
      if (!waits && ++away === 1) waiting.onAway(error)
      waits = true
    }
    try {
      return await call({ later })
    } finally {
      if (waits && --away === 0) waiting.onBack()
    }
  }

  try {
    // what is wrong with the server or the tables is said at once
    await pool.use(session => prepareTables(session, tables))
  } catch (error) {
    await pool.close()
    throw error
  }

  const read = <T>(work: (session: PgSession) => Promise<T>) => patiently(patience => readAgain(pool, work, patience))

  /** One transaction; of a namespace that this process has locked, on condition that no other took it over. */
  async function change<T>(namespace: string, work: (session: PgSession) => Promise<T>): Promise<T> {
    const holding = held.get(namespace)
    const once = async (session: PgSession): Promise<T> => {
      await holding?.keep()
      if (holding !== undefined) {
        const sql = `SELECT 1 FROM ${owners} WHERE namespace = $1 AND fence = $2 FOR SHARE`
        const { count } = await session.query(sql, [namespace, holding.fence])
        if (count === 0) throw fenced(namespace.slice(namespace.indexOf('/') + 1))
      }
      return work(session)
    }
    return patiently(patience => changeOnce(pool, once, patience))
  }

  function parse(namespace: string, key: string, data: string): Json {
    try {
      return JSON.parse(data) as Json
    } catch (error) {
      const message = `state ${tables.shown}: the value of ${JSON.stringify(key)} in namespace ${namespace} is not JSON: mend or delete that row`
      throw new PipelineError('state', message, { cause: error })
    }
  }

  async function write(session: PgSession, namespace: string, { set, dead, settled }: Texts): Promise<void> {
    if (set.size > 0)
      await session.query(
        `INSERT INTO ${state} AS old (namespace, key, data) SELECT $1, key, data::json FROM unnest($2::text[], $3::text[]) AS new(key, data)
         ON CONFLICT (namespace, key) DO UPDATE SET data = EXCLUDED.data`,
        [namespace, [...set.keys()], [...set.values()]],
      )
    if (dead !== undefined) await addLetters(session, letters, namespace, dead)
    if (settled !== undefined) await removeLetters(session, letters, namespace, settled)
  }

  return {
    get isAway() {
      return away > 0
    },
    async read(namespace, prefix = '') {
      const { rows } = await read(session =>
        session.query<{ key: string; data: string }>(
          `SELECT key, data::text AS data FROM ${state} WHERE namespace = $1 AND starts_with(key, $2) ORDER BY key COLLATE "C"`,
          [namespace, prefix],
        ),
      )
      return new Map(rows.map(({ key, data }) => [key, parse(namespace, key, data)]))
    },
    async write(namespace, { set = new Map(), ...rest }) {
      const removed = [...set].filter(([, value]) => value === undefined).map(([key]) => key)
      const texts = new Map(
        [...set].filter(([, value]) => value !== undefined).map(([key, value]) => [key, JSON.stringify(value)]),
      )
      await change(namespace, async session => {
        if (removed.length > 0)
          await session.query(`DELETE FROM ${state} WHERE namespace = $1 AND key = ANY ($2)`, [namespace, removed])
        await write(session, namespace, { ...rest, set: texts })
      })
    },
    reset: namespace =>
      change(namespace, async session => {
        for (const table of [state, letters])
          await session.query(`DELETE FROM ${table} WHERE namespace = $1`, [namespace])
      }),
    async lock(namespace) {
      const holding = await takeLock(() => connectPg(options), tables, namespace)
      held.set(namespace, holding)
      return {
        async release() {
          if (held.get(namespace) === holding) held.delete(namespace)
          await holding.release()
        },
      }
    },
    deadLetters: (namespace, query = {}) => read(session => readLetters(session, letters, namespace, query)),
    retryDeadLetters: (namespace, ids) => change(namespace, session => markLetters(session, letters, namespace, ids)),
    purgeDeadLetters: (namespace, ids) => change(namespace, session => removeLetters(session, letters, namespace, ids)),
    countDeadLetters: namespace => read(session => countLetters(session, letters, namespace)),
    async close() {
      await Promise.all([...held.values()].map(holding => holding.release()))
      await pool.close()
    },
  }
}

type Texts = Omit<StateChange, 'set'> & { set: ReadonlyMap<string, string> }
